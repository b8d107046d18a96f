package fetcher

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"strconv"
	"strings"

	"github.com/fetchmill/fetchmill/internal/jq"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
	"github.com/fetchmill/fetchmill/services/fetcher/weblink"
)

// found is a page that was read.
type found struct {
	page
	doc    any
	items  int      // on it
	number int      // from 1
	first  *url.URL // of the first page
}

// nextPage finds the way from a page to the next one.
type nextPage interface {
	// begin returns the URL of the first page.
	begin(first *url.URL) *url.URL
	// next returns the URL of the page after this one, nil after the last. Errors are verdicts, or the context's.
	next(ctx context.Context, f found) (*url.URL, error)
	// counts tells whether pages are asked for by number, without knowing that they are there.
	counts() bool
}

const leadsTo = "it says that the next page is"

// byLink goes by the header Link (RFC 8288), relation "next".
type byLink struct{}

func (byLink) begin(first *url.URL) *url.URL { return first }
func (byLink) counts() bool                  { return false }

func (byLink) next(_ context.Context, f found) (*url.URL, error) {
	target, ok := weblink.Find(f.header["Link"], "next")
	if !ok {
		return nil, nil //nolint:nilnil // the last page is no error
	}
	return useragent.Resolve(f.at, target, leadsTo)
}

// byJSON goes by what the page says: a URL, or the value of a parameter, such as a cursor.
type byJSON struct {
	query *jq.Query
	param string // empty if the page says a URL
}

func (byJSON) begin(first *url.URL) *url.URL { return first }
func (byJSON) counts() bool                  { return false }

func (b byJSON) next(ctx context.Context, f found) (*url.URL, error) {
	for v, err := range b.query.Outputs(ctx, f.doc) {
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, ended(ctx)
		case err != nil:
			return nil, fmt.Errorf("next: %w", err)
		case v == nil || v == "" || v == false: // all of them are in use
			return nil, nil //nolint:nilnil // the last page is no error
		}
		text, ok := textOf(v)
		switch {
		case !ok:
			return nil, ops.Fail(events.ReasonComputation, fmt.Errorf("next: the query yields something that is neither a text nor a number nor null (%T)", v))
		case b.param == "":
			return useragent.Resolve(f.at, text, leadsTo)
		}
		return withParam(f.first, b.param, text), nil
	}
	return nil, nil //nolint:nilnil // the last page is no error
}

// textOf writes what jq makes of texts and numbers.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case int:
		return strconv.Itoa(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case *big.Int:
		return v.String(), true
	}
	return "", false
}

// byCount counts a parameter up, until a page has no items or is not there.
type byCount struct {
	param       string
	start, step int64
}

func (b byCount) begin(first *url.URL) *url.URL { return b.page(first, 1) }
func (byCount) counts() bool                    { return true }

func (b byCount) next(_ context.Context, f found) (*url.URL, error) {
	if f.items == 0 {
		return nil, nil //nolint:nilnil // the end is no error
	}
	return b.page(f.first, f.number+1), nil
}

func (b byCount) page(u *url.URL, number int) *url.URL {
	return withParam(u, b.param, strconv.FormatInt(b.start+int64(number-1)*b.step, 10))
}

// withParam sets a parameter of the query, in the place of one of the same name.
func withParam(u *url.URL, name, value string) *url.URL {
	next := *u
	var parts []string
	for part := range strings.SplitSeq(u.RawQuery, "&") { // the others stay as they are written
		key, _, _ := strings.Cut(part, "=")
		if own, err := url.QueryUnescape(key); part != "" && (err != nil || own != name) {
			parts = append(parts, part)
		}
	}
	next.RawQuery = strings.Join(append(parts, url.QueryEscape(name)+"="+url.QueryEscape(value)), "&")
	return &next
}
