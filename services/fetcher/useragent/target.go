package useragent

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/http/httpguts"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

const maxURLBytes = 8 << 10

// target reads the arguments url and headers of the HTTP operations.
func (a *Agent) target(rawURL string, headers map[string]string) (*url.URL, http.Header, error) {
	if rawURL == "" {
		return nil, nil, ops.Fail(events.ReasonMissingParameter, errors.New("url is missing: give one such as https://example.com/"))
	}
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, nil, ops.Fail(events.ReasonInvalidParameter, clip(err))
	}
	h, err := a.header(headers)
	if err != nil {
		return nil, nil, ops.Fail(events.ReasonInvalidParameter, clip(err))
	}
	return u, h, nil
}

func parseURL(raw string) (*url.URL, error) {
	if len(raw) > maxURLBytes {
		return nil, fmt.Errorf("url has %d bytes, more than %d", len(raw), maxURLBytes)
	}
	u, err := url.Parse(raw)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return nil, fmt.Errorf("url %q: %w", raw, err)
	}
	if err := checkURL(u); err != nil {
		return nil, err
	}
	return u, nil
}

// checkURL holds for the first URL and for every one that a redirect leads to.
func checkURL(u *url.URL) error {
	switch {
	case u.User != nil: // first, so that no error shows a password
		return fmt.Errorf("url of host %q has a user name in it: put credentials into a header", u.Host)
	case u.Scheme == "":
		return fmt.Errorf("url %q has no scheme: put http:// or https:// in front", u)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("url %q has the scheme %q: only http and https can be fetched", u, u.Scheme)
	case u.Hostname() == "":
		return fmt.Errorf("url %q has no host", u)
	case strings.Contains(u.Hostname(), ":") && !isIPv6(u.Hostname()):
		return fmt.Errorf("url %q has a host in brackets that is not an IPv6 address", u)
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("url %q has the port %s: ports go from 1 to 65535", u, p)
		}
	}
	return nil
}

// isIPv6 allows zones that can be the name of a network interface; net/url lets through any.
func isIPv6(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && !strings.ContainsFunc(a.Zone(), func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._", r)
	})
}

// forbiddenHeaders are those by which a request would be framed or routed differently from what was checked.
var forbiddenHeaders = []string{
	"Connection", "Content-Length", "Host", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

func (a *Agent) header(custom map[string]string) (http.Header, error) {
	if len(custom) == 0 {
		return a.plain, nil
	}
	h := make(http.Header, len(custom)+len(a.plain))
	for name, value := range custom {
		key := http.CanonicalHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			return nil, fmt.Errorf("header %q is not a valid header name", name)
		case !validHeaderValue(value):
			return nil, fmt.Errorf("header %s has a value with characters that headers cannot have", name)
		case slices.Contains(forbiddenHeaders, key) || strings.HasPrefix(key, "Proxy-"):
			return nil, fmt.Errorf("header %s cannot be set: it belongs to the connection", name)
		case h[key] != nil:
			return nil, fmt.Errorf("header %s is given twice", name)
		}
		h[key] = []string{value}
	}
	for key, values := range a.plain {
		if h[key] == nil {
			h[key] = values
		}
	}
	return h, nil
}

func validHeaderValue(v string) bool { return httpguts.ValidHeaderFieldValue(v) }
