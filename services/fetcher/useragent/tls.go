package useragent

import (
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// maxSessions is how many servers are remembered for shorter handshakes. A session holds the server's certificates, some KiB.
const maxSessions = 2048

func tlsConfig(cfg Config) *tls.Config {
	return &tls.Config{RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(maxSessions)}
}

// tlsFacts tells how a connection was secured; nil if it was not.
func tlsFacts(s *tls.ConnectionState) *events.TLSFacts {
	if s == nil {
		return nil
	}
	return &events.TLSFacts{
		Version: tls.VersionName(s.Version),
		Cipher:  tls.CipherSuiteName(s.CipherSuite),
		Expires: chainsExpire(s.VerifiedChains),
	}
}

// chainsExpire is when the server's identity can no longer be verified unless it gets new certificates: when the first certificate of a
// chain expires, and of several chains, the last one's time.
func chainsExpire(chains [][]*x509.Certificate) time.Time {
	var last time.Time
	for _, chain := range chains {
		var first time.Time
		for _, c := range chain {
			if first.IsZero() || c.NotAfter.Before(first) {
				first = c.NotAfter
			}
		}
		if first.After(last) {
			last = first
		}
	}
	return last.UTC()
}
