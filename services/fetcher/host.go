package fetcher

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Sizes of names (RFC 1035 section 2.3.4), as text without the final dot.
const (
	maxNameBytes  = 253
	maxLabelBytes = 63
)

// hostPort reads a host and a port that arguments give, and joins them for dialling.
func hostPort(host string, port int) (string, error) {
	if host == "" {
		return "", ops.Fail(events.ReasonMissingParameter, errors.New("host is missing: give a name such as example.com, or an IP address"))
	}
	if port < 1 || port > 65535 {
		return "", ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("port is %d: ports go from 1 to 65535", port))
	}
	host, err := hostName(host)
	if err != nil {
		return "", ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("host: %w", err))
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), nil
}

// splitAddress reads HOST:PORT.
func splitAddress(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil || host == "" {
		return "", 0, ops.Fail(events.ReasonInvalidParameter,
			fmt.Errorf("address %.100q is not HOST:PORT: write example.com:25, 192.0.2.1:25 or [2001:db8::1]:25", address))
	}
	return host, port, nil
}

// hostName reads a domain name or an IP address.
func hostName(host string) (string, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" {
			return "", fmt.Errorf("%.100q has a zone, which only means something on one machine: leave it out", host)
		}
		return a.String(), nil
	}
	return domainName(host)
}

// lookupForm lets non-ASCII names be what browsers make of them, and names of services (_sip._tcp) be as they are.
var lookupForm = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// domainName reads a domain name, which it returns in ASCII and without the final dot; the root is ".".
func domainName(name string) (string, error) {
	const remedy = "write a name such as example.com"
	if len(name) > 4*maxNameBytes {
		return "", fmt.Errorf("a name of %d bytes is too long: %s", len(name), remedy)
	}
	ascii := name
	if strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 }) {
		var err error
		if ascii, err = lookupForm.ToASCII(name); err != nil {
			return "", fmt.Errorf("%.100q is not a domain name: %s", name, remedy)
		}
	}
	if ascii == "." {
		return ascii, nil
	}
	ascii = strings.TrimSuffix(ascii, ".")
	if len(ascii) > maxNameBytes {
		return "", fmt.Errorf("%.100q is longer than %d bytes: %s", name, maxNameBytes, remedy)
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if label == "" || len(label) > maxLabelBytes || strings.ContainsFunc(label, notInLabel) {
			return "", fmt.Errorf("%.100q is not a domain name: %s", name, remedy)
		}
	}
	return ascii, nil
}

func notInLabel(r rune) bool {
	return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}
