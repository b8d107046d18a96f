package fetcher

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// exchange is one fetch with all its redirects, and what is known about it so far.
type exchange struct {
	net    *Network
	start  time.Time
	method string
	first  *url.URL // as the item has it
	at     *url.URL // where redirects have led
	hop    *hop     // the newest request
	phases events.Phases
	facts  events.FetchFacts
}

func (n *Network) newExchange(u *url.URL) *exchange {
	return &exchange{net: n, start: time.Now(), first: u, at: u}
}

// send requests the first URL and follows redirects, except those with a status that last holds for. The caller must close
// the body. It is used instead of http.Client because what may be followed, and with which headers, differs from item to item.
func (x *exchange) send(ctx context.Context, method string, header http.Header, last func(status int) bool) (*http.Response, error) {
	x.method, x.at = method, x.first
	for redirects := 0; ; redirects++ {
		resp, err := x.roundTrip(ctx, header)
		if err != nil {
			return nil, err
		}
		location := resp.Header.Get("Location")
		if !isRedirect(resp.StatusCode) || location == "" || last(resp.StatusCode) {
			return resp, nil
		}
		drain(resp)
		x.endHop()
		if redirects == x.net.cfg.MaxRedirects {
			return nil, ops.Fail(events.ReasonTooManyRedirects, fmt.Errorf("%s: more than %d redirects", x, redirects))
		}
		next, err := follow(x.at, location)
		if err != nil {
			return nil, err
		}
		if !keepsHeaders(x.at, next) {
			header = x.net.strangerHeader(header)
		}
		x.at = next
	}
}

func (x *exchange) roundTrip(ctx context.Context, header http.Header) (*http.Response, error) {
	x.hop = newHop()
	x.facts.Status, x.facts.ContentType, x.facts.Proto = 0, "", ""
	req := &http.Request{
		Method: x.method, URL: x.at, Header: header,
		Host:  strings.TrimSuffix(x.at.Host, ":"), // as http.NewRequest does: RFC 3986 section 6.2.3
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	resp, err := x.net.transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(ctx, x.hop.trace())))
	if err != nil {
		err = x.failure(ctx, err)
		x.endHop()
		return nil, err
	}
	x.facts.Status = resp.StatusCode
	x.facts.ContentType = clipString(resp.Header.Get("Content-Type"), maxContentType)
	x.facts.Proto = resp.Proto
	return resp, nil
}

// endHop adds the times of the newest request to those of the ones before.
func (x *exchange) endHop() {
	if x.hop != nil {
		x.hop.addTo(&x.phases)
		x.hop = nil
	}
}

// end closes the exchange's books.
func (x *exchange) end() *events.FetchFacts {
	x.endHop()
	x.facts.ElapsedMS = milliseconds(time.Since(x.start))
	x.facts.Phases = &x.phases
	if x.at != x.first {
		if at := x.at.String(); at != x.first.String() {
			x.facts.URL = at
		}
	}
	return &x.facts
}

// String names the request in errors. The fragment is not sent, and a long query says nothing to people.
func (x *exchange) String() string {
	return x.method + " " + clipString(x.at.String(), 300)
}

// milliseconds keeps three digits: more are noise.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
