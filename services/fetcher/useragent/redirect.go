package useragent

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// follow says where a redirect leads from u.
func follow(u *url.URL, location string) (*url.URL, error) {
	return Resolve(u, location, "redirected to")
}

// Resolve makes a URL of what an answer from u refers to; what says how, for errors. It is the server's choice, so a URL that we would
// not take from a user is a forbidden target and not a faulty parameter. Errors are verdicts.
func Resolve(u *url.URL, reference, what string) (*url.URL, error) {
	if len(reference) > maxURLBytes {
		return nil, ops.Fail(events.ReasonProtocol, fmt.Errorf("%s a url of %d bytes, more than %d", what, len(reference), maxURLBytes))
	}
	next, err := u.Parse(reference)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return nil, ops.Fail(events.ReasonProtocol, clip(fmt.Errorf("%s %q: %w", what, reference, err)))
	}
	if err := checkURL(next); err != nil {
		return nil, ops.Fail(events.ReasonForbiddenTarget, clip(fmt.Errorf("%s: %w", what, err)))
	}
	return next, nil
}

// keepsMethod says whether a redirect is followed by the same method, with the same body. 307 and 308 demand it; after the others
// everybody asks for what they lead to (RFC 9110 section 15.4).
func keepsMethod(method string, status int) bool {
	return method == http.MethodGet || method == http.MethodHead ||
		status == http.StatusTemporaryRedirect || status == http.StatusPermanentRedirect
}

// contentHeaders describe the body of a request, or what a server does on receiving it twice.
var contentHeaders = []string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Location", "Idempotency-Key"}

func withoutContent(h http.Header) http.Header {
	h = h.Clone()
	for _, key := range contentHeaders {
		h.Del(key)
	}
	return h
}

// SameOrigin says whether a server that is asked for one URL may send us on to another without anybody's leave: to the same host and
// port, and from http to https of the same host, but not the other way.
func SameOrigin(from, to *url.URL) bool { return keepsHeaders(from, to) }

// keepsHeaders says whether custom headers, which may be credentials, may go along from one URL to the next: to the same
// host and port, and from http to https of the same host, but not the other way.
func keepsHeaders(from, to *url.URL) bool {
	if from.Scheme == to.Scheme {
		return from.Hostname() == to.Hostname() && port(from) == port(to)
	}
	return from.Hostname() == to.Hostname() && from.Scheme == "http" && port(from) == "80" && port(to) == "443"
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// strangerHeader is what a host gets that the item did not name: what says how we read, and nothing that could be a secret.
func (a *Agent) strangerHeader(h http.Header, body bool) http.Header {
	s := make(http.Header, len(a.plain)+2)
	keys := []string{"User-Agent", "Accept-Encoding", "Accept", "Accept-Language"}
	if body {
		keys = append(keys, contentHeaders...)
	}
	for _, key := range keys {
		if v := h[key]; v != nil {
			s[key] = v
		}
	}
	return s
}
