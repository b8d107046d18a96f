package host

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/nats-io/nats.go"
)

// Servers in a list are separated by commas, but a password may have a comma too; only a comma before a scheme is sure.
var nextServer = regexp.MustCompile(`,\s*[a-z]+://`)

// redact removes user, password and token from a URL or a list of them, even when the URL is malformed: everything before
// the last '@' goes, so a strange password takes too much with it and never too little.
func redact(list string) string {
	var parts []string
	for list != "" {
		end := len(list)
		if i := nextServer.FindStringIndex(list); i != nil {
			end = i[0]
		}
		parts = append(parts, redactOne(strings.TrimSpace(list[:end])))
		list = strings.TrimPrefix(list[end:], ",")
	}
	return strings.Join(parts, ",")
}

func redactOne(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return s
	}
	scheme, _, ok := strings.Cut(s[:at], "://")
	if !ok {
		return s[at+1:]
	}
	return scheme + "://" + s[at+1:]
}

func isNetwork(err error) bool {
	if errors.Is(err, io.EOF) { // what stands before a broker that is not there yet, such as a proxy of containers, takes the connection and closes it
		return true
	}
	if strings.HasPrefix(err.Error(), "nats: expected 'PONG'") { // the broker's own ping came first, after 2 s: this machine is busy, or the way is long
		return true
	}
	_, ok := errors.AsType[net.Error](err)
	return ok && !isURL(err)
}

// isTLS tells whether one of both sides did not like what the other showed, or did not show.
func isTLS(err error) bool {
	_, ours := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return ours || record || errors.Is(err, nats.ErrTLS) || errors.Is(err, nats.ErrSecureConnRequired) || errors.Is(err, nats.ErrSecureConnWanted) ||
		strings.Contains(err.Error(), "remote error: tls: ") // crypto/tls has no type for what the other side says
}

// isURL tells whether err is about parsing a URL. *url.Error is a net.Error too.
func isURL(err error) bool {
	_, ok := errors.AsType[*url.Error](err)
	return ok
}
