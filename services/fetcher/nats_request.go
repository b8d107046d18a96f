package fetcher

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"golang.org/x/net/http/httpguts"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

const (
	// maxReplyBytes leaves room for the reply twice in a message of 1 MiB: as the value, and in base64 as the body.
	maxReplyBytes     = 256 << 10
	maxReplyDepth     = 1_000 // readers of JSON stop somewhere: Go's at 10,000
	maxHeaders        = 32
	maxHeaderBytes    = 8 << 10 // of all names and values together
	maxRequestSeconds = 60 * 60
	maxContentType    = 200
)

// asking is a request that is ready to be sent.
type asking struct {
	message *nats.Msg
	timeout time.Duration // 0 leaves it to the step
}

func (a asking) String() string { return "request to " + a.message.Subject }

// natsRequest asks a service on the broker. Arguments {"subject": string, "data": string or "json": any value, "headers": {name: value},
// "timeout": seconds}. The reply is the body for the next step, and the value: as it is if it is JSON, as a string if it is other text.
// The item's id goes along as Nats-Msg-Id, so that who answers can know a request that is made again.
func (n *Network) natsRequest() ops.Op {
	return ops.Op{Name: "nats.request", Run: func(ctx context.Context, in ops.Input) (ops.Output, error) {
		a, err := readAsking(in, n.subjects)
		if err != nil {
			return ops.Output{}, err
		}
		return n.ask(ctx, a)
	}}
}

// readAsking reads the arguments.
func readAsking(in ops.Input, allowed subjects) (asking, error) {
	var args struct {
		Subject string            `json:"subject"`
		Data    *string           `json:"data"`
		JSON    json.RawMessage   `json:"json"`
		Headers map[string]string `json:"headers"`
		Timeout *float64          `json:"timeout"`
	}
	if err := in.Args(&args); err != nil {
		return asking{}, err
	}
	if err := allowed.check(args.Subject); err != nil {
		return asking{}, err
	}
	a := asking{message: nats.NewMsg(args.Subject)}
	switch {
	case args.Data != nil && args.JSON != nil:
		return a, invalid("data and json are both given: give one or the other")
	case args.Data != nil:
		a.message.Data = []byte(*args.Data)
	default:
		a.message.Data = args.JSON
	}
	if args.Timeout != nil {
		if *args.Timeout < 0.001 || *args.Timeout > maxRequestSeconds {
			return a, invalid("timeout is %g: give a number of seconds from 0.001 to %d", *args.Timeout, maxRequestSeconds)
		}
		a.timeout = time.Duration(*args.Timeout * float64(time.Second))
	}
	if in.ID != "" {
		a.message.Header.Set(nats.MsgIdHdr, in.ID)
	}
	return a, addHeaders(a.message.Header, args.Headers)
}

func addHeaders(to nats.Header, custom map[string]string) error {
	if len(custom) > maxHeaders {
		return invalid("headers: there are %d, more than %d", len(custom), maxHeaders)
	}
	size := 0
	for name, value := range custom {
		size += len(name) + len(value)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			return invalid("header %.100q is not a valid header name", name)
		case !httpguts.ValidHeaderFieldValue(value):
			return invalid("header %.100s has a value with characters that headers cannot have", name)
		case strings.HasPrefix(strings.ToLower(name), "nats-"):
			return invalid("header %.100s cannot be set: those that start with Nats- mean something to the broker", name)
		case size > maxHeaderBytes:
			return invalid("headers: names and values have more than %d bytes together", maxHeaderBytes)
		}
		to[name] = []string{value}
	}
	return nil
}

func (n *Network) ask(ctx context.Context, a asking) (ops.Output, error) {
	if n.cfg.Broker.Conn == nil {
		return ops.Output{}, ops.Fail(events.ReasonConnect, fmt.Errorf("%s: this fetcher has no connection to a broker to send it by", a))
	}
	limited := ctx
	if a.timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, a.timeout)
		defer cancel()
	}
	start := time.Now()
	reply, err := n.cfg.Broker.Conn.RequestMsgWithContext(limited, a.message)
	facts := &events.FetchFacts{ElapsedMS: since(start)}
	if err != nil {
		return ops.Output{Fetch: facts}, a.failure(limited, err)
	}
	facts.Bytes = int64(len(reply.Data))
	facts.ContentType = useragent.Clip(reply.Header.Get("Content-Type"), maxContentType)
	if text := refusal(reply.Header); text != "" {
		return ops.Output{Fetch: facts}, ops.Fail(events.ReasonComputation, fmt.Errorf("%s: the service answered with an error: %s", a, text))
	}
	if len(reply.Data) > maxReplyBytes {
		return ops.Output{Fetch: facts}, ops.Fail(events.ReasonTooLarge,
			fmt.Errorf("%s: the reply has %d bytes, more than %d", a, len(reply.Data), maxReplyBytes))
	}
	return ops.Output{Value: replyValue(reply.Data), Body: reply.Data, Fetch: facts}, nil
}

// replyValue shows a reply in results; nil if it is not text.
func replyValue(data []byte) json.RawMessage {
	var value bytes.Buffer
	switch {
	case !utf8.Valid(data):
		return nil
	case json.Compact(&value, data) == nil && depth(data) <= maxReplyDepth:
		return value.Bytes()
	}
	return ops.JSON(string(data))
}

// depth counts how deep arrays and objects of a valid JSON text are nested.
func depth(data []byte) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '[' || c == '{'):
			now++
			deepest = max(deepest, now)
		case !quoted && (c == ']' || c == '}'):
			now--
		}
	}
	return deepest
}

// refusal is the error that a service of the micro framework answers with (ADR-32); empty if there is none.
func refusal(h nats.Header) string {
	text, code := h.Get(micro.ErrorHeader), h.Get(micro.ErrorCodeHeader)
	if code != "" {
		text = strings.TrimSpace(code + " " + text)
	}
	return useragent.Clip(text, 300)
}

// failure is the verdict on a request without a reply.
func (a asking) failure(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return ops.Retry(events.ReasonConnect, fmt.Errorf("%s: nobody answers there: start the service that does, or check the subject", a))
	case errors.Is(err, nats.ErrMaxPayload):
		return ops.Fail(events.ReasonTooLarge, fmt.Errorf("%s: %w", a, err))
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrConnectionClosed),
		errors.Is(err, nats.ErrConnectionReconnecting):
		return ops.Retry(events.ReasonConnect, fmt.Errorf("%s: the broker is away: %w", a, err))
	}
	return useragent.Verdict(ctx, a.String(), err)
}
