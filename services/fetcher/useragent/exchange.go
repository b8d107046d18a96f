package useragent

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Request says what to ask a server for.
type Request struct {
	URL     string            // absolute, http or https
	Headers map[string]string // beside those that every request has
	Body    []byte            // sent again where a redirect keeps the method; nil sends none
	// Stay holds for the statuses of redirects that are not followed. Nil follows all.
	Stay func(status int) bool
	// Credential is a secret that goes along to the hosts that it is for. Nil sends none.
	Credential Credential
	// Known is the version that is known already: the server is asked for another one only. Nil asks for what there is.
	Known *Version
	// Origin is what the item asked for, where URL was found in an answer: it is then treated like a redirect from there, so that what
	// may be a secret goes along only to the same host. Nil means that the item itself names URL.
	Origin *url.URL
	// Turn is asked before each request. Nil sends at once.
	Turn Turn
}

// Exchange is one fetch with all its redirects, and what is known about it so far. It is for one goroutine.
type Exchange struct {
	agent  *Agent
	stay   func(status int) bool
	header http.Header
	secret Credential // nil if there is none
	known  *Version   // nil if there is none
	body   []byte
	start  time.Time
	method string
	first  *url.URL // as the item has it
	at     *url.URL // where redirects have led
	hop    *hop     // the newest request
	turn   Turn
	done   func(Taken) // ends the turn at hand; nil if there is none
	taken  Taken       // what to tell then
	phases events.Phases
	facts  events.FetchFacts
}

// Exchange checks a request and begins its exchange; nothing is sent yet. Errors are verdicts.
func (a *Agent) Exchange(r Request) (*Exchange, error) {
	u, header, err := a.target(r.URL, r.Headers)
	if err != nil {
		return nil, err
	}
	secret, err := secretFor(r, u, header)
	if err != nil {
		return nil, err
	}
	if r.Origin != nil && !keepsHeaders(r.Origin, u) {
		header = a.strangerHeader(header, r.Body != nil)
	}
	x := &Exchange{
		agent: a, stay: r.Stay, header: header, secret: secret, known: r.Known, body: r.Body, turn: r.Turn, start: time.Now(), first: u, at: u,
	}
	if x.stay == nil {
		x.stay = func(int) bool { return false }
	}
	return x, nil
}

// Send requests the URL by a method and follows redirects. The caller must close the response's body, best with Discard or Body.
// Errors are verdicts, or the context's when the work was called off. It is used instead of http.Client because what may be followed,
// and with which headers, differs from item to item.
func (x *Exchange) Send(ctx context.Context, method string) (*http.Response, error) {
	x.endHop()
	x.method, x.at = method, x.first
	header, secret, body := x.header, x.secret, x.body
	for redirects := 0; ; redirects++ {
		if err := x.take(ctx, redirects > 0); err != nil {
			return nil, err
		}
		resp, err := x.roundTrip(ctx, x.complete(header, secret), body)
		x.answered(resp, err)
		if err != nil {
			return nil, err
		}
		location := resp.Header.Get("Location")
		if !isRedirect(resp.StatusCode) || location == "" || x.stay(resp.StatusCode) {
			return resp, nil
		}
		Discard(resp)
		x.endHop()
		if redirects == x.agent.cfg.MaxRedirects {
			return nil, ops.Fail(events.ReasonTooManyRedirects, fmt.Errorf("%s: more than %d redirects", x, redirects))
		}
		next, err := follow(x.at, location)
		if err != nil {
			return nil, err
		}
		if !keepsMethod(x.method, resp.StatusCode) {
			x.method, body, header = http.MethodGet, nil, withoutContent(header)
		}
		if !keepsHeaders(x.at, next) {
			header = x.agent.strangerHeader(header, body != nil)
		}
		if secret != nil && !mayGo(secret, next) {
			secret = nil // for good: what comes after was chosen by a stranger
		}
		x.at = next
	}
}

func (x *Exchange) roundTrip(ctx context.Context, header http.Header, body []byte) (*http.Response, error) {
	x.hop = x.agent.newHop()
	x.facts.Status, x.facts.ContentType, x.facts.Proto, x.facts.TLS = 0, "", "", nil
	x.facts.Bytes, x.facts.Charset = 0, ""
	req := &http.Request{
		Method: x.method, URL: x.at, Header: header,
		Host:  strings.TrimSuffix(x.at.Host, ":"), // as http.NewRequest does: RFC 3986 section 6.2.3
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if body != nil {
		req.ContentLength = int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		req.Body, _ = req.GetBody() // makes no error
	}
	resp, err := x.agent.transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(ctx, x.hop.trace())))
	if err != nil {
		err = x.failure(ctx, err)
		x.endHop()
		return nil, err
	}
	x.hop.pace.whole(resp.Body)
	x.facts.Status = resp.StatusCode
	x.facts.ContentType = clipString(resp.Header.Get("Content-Type"), maxContentType)
	x.facts.Proto = resp.Proto
	x.facts.TLS = tlsFacts(resp.TLS)
	return resp, nil
}

// At is the URL of the newest request. It must not be changed.
func (x *Exchange) At() *url.URL { return x.at }

// endHop adds the times of the newest request to those of the ones before.
func (x *Exchange) endHop() {
	if x.hop != nil {
		x.hop.pace.end()
		x.hop.addTo(&x.phases)
		x.hop = nil
	}
}

// Facts closes the exchange's books. It is called last.
func (x *Exchange) Facts() *events.FetchFacts {
	x.endHop()
	x.giveBack()
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
func (x *Exchange) String() string {
	return x.method + " " + clipString(x.at.String(), 300)
}

// milliseconds keeps three digits: more are noise.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
