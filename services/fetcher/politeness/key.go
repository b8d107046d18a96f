package politeness

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// HostOf names the host of an http or https URL as "name:port": lower case, the port always there, names of other scripts in their
// ASCII form, addresses in their shortest form and IPv6 in brackets. What is the same host has the same name.
func HostOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "https" {
			port = "443"
		}
	}
	return HostPort(u.Hostname(), port)
}

// HostPort does the same for a name or address and a port.
func HostPort(name, port string) string {
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		port = strconv.FormatUint(n, 10) // 080 is 80
	}
	return net.JoinHostPort(canonical(name), port)
}

func canonical(name string) string {
	if a, err := netip.ParseAddr(name); err == nil {
		return a.Unmap().String()
	}
	name = strings.TrimSuffix(name, ".")
	if plain(name) {
		return name
	}
	if ascii, err := idna.Lookup.ToASCII(name); err == nil {
		return ascii
	}
	return strings.ToLower(name)
}

// plain tells whether a name can stay as it is.
func plain(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return true
}

// site is the part of a host's name that its owner has registered: "example.com" for "www.example.com:443". An address is its own.
func site(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return host
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return name
	}
	if registered, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		return registered
	}
	return name
}

// validHost tells whether a host that somebody else has named is in the form of HostOf.
func validHost(host string) bool {
	if len(host) > 270 {
		return false
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil || name == "" || HostPort(name, port) != host {
		return false
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return false
	}
	_, err = netip.ParseAddr(name)
	return err == nil || plain(name) && len(name) <= 253
}

// shown is the host in texts for people, who leave out the port that goes without saying.
func shown(host string) string {
	for _, port := range []string{":443", ":80"} {
		if name, ok := strings.CutSuffix(host, port); ok {
			return name
		}
	}
	return host
}
