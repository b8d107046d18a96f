package credentials

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// pattern says to which hosts a credential may go.
type pattern struct {
	host string // in ASCII and lower case
	port string // empty means the usual one of the scheme
	sub  bool   // the hosts below it, and not the host itself
}

var errHost = errors.New(`write a host such as api.github.com, with a port where it is not the usual one, or "*.example.com" for all hosts below a domain`)

// parsePattern reads "host", "host:port", "*.domain" or "*.domain:port".
func parsePattern(text string) (pattern, error) {
	var p pattern
	host := text
	if h, port, err := net.SplitHostPort(text); err == nil {
		if port == "" || strings.Trim(port, "0123456789") != "" {
			return p, errHost
		}
		host, p.port = h, port
	}
	host = strings.Trim(host, "[]")
	if domain, ok := strings.CutPrefix(host, "*."); ok {
		host, p.sub = domain, true
		if !strings.Contains(domain, ".") {
			return p, errHost // all hosts of a top-level domain, which have nothing in common
		}
	}
	var ok bool
	if p.host, ok = ascii(host); !ok || p.host == "" {
		return p, errHost
	}
	if _, err := netip.ParseAddr(p.host); err == nil && p.sub {
		return p, errHost
	}
	return p, nil
}

func (p pattern) matches(u *url.URL) bool {
	port := u.Port()
	if port == usualPort(u.Scheme) {
		port = ""
	}
	if want := p.port; port != want && (port != "" || want != usualPort(u.Scheme)) {
		return false
	}
	host, ok := ascii(u.Hostname())
	if !ok {
		return false
	}
	if p.sub {
		return strings.HasSuffix(host, "."+p.host)
	}
	return host == p.host
}

func usualPort(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}

// ascii brings a host name into the form in which it is looked up.
func ascii(host string) (string, bool) {
	host = strings.TrimSuffix(host, ".")
	if a, err := netip.ParseAddr(host); err == nil {
		return a.String(), true
	}
	host, err := idna.Lookup.ToASCII(host)
	return strings.ToLower(host), err == nil
}
