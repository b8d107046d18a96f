package useragent

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"

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
