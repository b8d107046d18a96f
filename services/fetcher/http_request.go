package fetcher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

const (
	maxMethodBytes = 32
	maxKeyBytes    = 255
)

// requestArgs are the arguments of http.request: those of http.get, and a method with a body.
type requestArgs struct {
	getArgs
	// Method is GET if it is empty. It is sent in upper case.
	Method string `json:"method"`
	// At most one of these is the body of the request. Each comes with its Content-Type, unless headers have one.
	JSON   json.RawMessage `json:"json"`
	Text   *string         `json:"text"`
	Form   valuesArg       `json:"form"`
	Base64 *string         `json:"base64"`
	// IdempotencyKey is auto, none, or the key itself.
	IdempotencyKey string `json:"idempotency_key"`
}

// httpRequest sends a request by any method, with or without a body. The answer's bytes become the body for the next step, the value
// stays as it was.
func (n *Network) httpRequest() ops.Op {
	return ops.Op{Name: "http.request", Run: func(ctx context.Context, in ops.Input) (ops.Output, error) {
		var args requestArgs
		if err := in.Args(&args); err != nil {
			return ops.Output{}, err
		}
		f, err := n.fetchFor(in, args)
		if err != nil {
			return ops.Output{}, err
		}
		f.id, f.index = in.ID, in.Index
		return n.fetch(ctx, f)
	}}
}

// fetchFor checks the arguments of an item.
func (n *Network) fetchFor(in ops.Input, args requestArgs) (fetch, error) {
	invalid := func(err error) (fetch, error) { return fetch{}, ops.Fail(events.ReasonInvalidParameter, err) }
	method, err := methodOf(args.Method)
	if err != nil {
		return invalid(err)
	}
	if args.Revalidate && method != http.MethodGet {
		return invalid(fmt.Errorf("revalidate is for GET only, not for %s", method))
	}
	req, err := n.request(in, args.targetArgs)
	if err != nil {
		return fetch{}, err
	}
	body, contentType, err := args.payload()
	if err != nil {
		return invalid(err)
	}
	key, err := idempotencyKey(args.IdempotencyKey, method, in.ID)
	if err != nil {
		return invalid(err)
	}
	req.Body = body
	req.Headers = withDefaults(req.Headers, map[string]string{"Content-Type": contentType, "Idempotency-Key": key})
	return fetch{method: method, request: req, args: args.getArgs}, nil
}

func methodOf(text string) (string, error) {
	method := strings.ToUpper(text)
	switch {
	case method == "":
		return http.MethodGet, nil
	case len(method) > maxMethodBytes || !httpguts.ValidHeaderFieldName(method): // both are tokens (RFC 9110 section 9.1)
		return "", fmt.Errorf("method %.40q is not one of HTTP: use GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS or another word", text)
	case method == http.MethodConnect || method == http.MethodTrace:
		return "", fmt.Errorf("method %s is not for items: it is about the connection and not about what is at a URL", method)
	}
	return method, nil
}

// idempotencyKey returns the value of the header Idempotency-Key, empty if none is sent. An item may be tried more than once, and a worker
// may die after it has sent a request and before it has said so; by the key, which is the same each time, a server that knows the header
// does only once what it is asked for. It is a string of structured fields, in quotes
// (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
func idempotencyKey(arg, method, id string) (string, error) {
	key := arg
	switch arg {
	case "none":
		return "", nil
	case "", "auto":
		if id == "" || method != http.MethodPost && method != http.MethodPatch { // the others are idempotent, or nobody knows
			return "", nil
		}
		if key = id; !isKey(key) {
			key = events.IDFromKey(id)
		}
	}
	if !isKey(key) {
		return "", fmt.Errorf("idempotency_key: use auto, none, or a key of at most %d printable ASCII characters", maxKeyBytes)
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`, nil
}

func isKey(s string) bool {
	return s != "" && len(s) <= maxKeyBytes && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// withDefaults adds headers that are not empty and that the item does not set itself.
func withDefaults(headers, defaults map[string]string) map[string]string {
	all := maps.Clone(headers)
	if all == nil {
		all = make(map[string]string, len(defaults))
	}
	for name, value := range defaults {
		given := false
		for own := range headers {
			given = given || strings.EqualFold(own, name)
		}
		if value != "" && !given {
			all[name] = value
		}
	}
	return all
}

var errBodies = errors.New("give only one of json, text, form and base64: a request has one body")
