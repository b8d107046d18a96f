package fetcher

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

// How much of certificates is told: servers choose what is in them.
const (
	maxChain        = 10
	maxNames        = 100
	maxSubjectBytes = 300
)

// certificateValue is what tls.check finds. What is about the certificate is absent if the handshake did not come so far.
type certificateValue struct {
	Up         bool          `json:"up"`                // valid, for the name, and for long enough
	Address    string        `json:"address,omitempty"` // IP:PORT that was reached; absent if none was
	Version    string        `json:"version,omitempty"` // "TLS 1.3"
	Cipher     string        `json:"cipher,omitempty"`
	Subject    string        `json:"subject,omitempty"` // as RFC 2253 writes it
	Issuer     string        `json:"issuer,omitempty"`
	Names      []string      `json:"names"` // domain names and IP addresses that it is for, in its own order
	MoreNames  int           `json:"more_names,omitempty"`
	NotBefore  time.Time     `json:"not_before,omitzero"`
	NotAfter   time.Time     `json:"not_after,omitzero"`
	DaysLeft   *int          `json:"days_left,omitempty"` // full days of 24 h; negative if it has expired
	SelfSigned bool          `json:"self_signed"`
	Chain      []chainLink   `json:"chain"` // all that the server has sent, its own first
	ElapsedMS  float64       `json:"elapsed_ms"`
	Reason     events.Reason `json:"reason,omitempty"` // why it is not up
}

type chainLink struct {
	Subject  string    `json:"subject"`
	Issuer   string    `json:"issuer"`
	NotAfter time.Time `json:"not_after"`
}

// describe fills in what was seen.
func (v *certificateValue) describe(seen handshake, now time.Time) {
	certs := seen.state.PeerCertificates
	if len(certs) == 0 {
		return
	}
	own := certs[0]
	v.Version, v.Cipher = tls.VersionName(seen.state.Version), tls.CipherSuiteName(seen.state.CipherSuite)
	v.Subject, v.Issuer = subject(own.Subject.String()), subject(own.Issuer.String())
	v.NotBefore, v.NotAfter = own.NotBefore.UTC(), own.NotAfter.UTC()
	left := daysLeft(own.NotAfter, now)
	v.DaysLeft = &left
	v.SelfSigned = bytes.Equal(own.RawSubject, own.RawIssuer) &&
		own.CheckSignature(own.SignatureAlgorithm, own.RawTBSCertificate, own.Signature) == nil
	v.Names, v.MoreNames = certificateNames(own)
	for _, c := range certs[:min(len(certs), maxChain)] {
		v.Chain = append(v.Chain, chainLink{subject(c.Subject.String()), subject(c.Issuer.String()), c.NotAfter.UTC()})
	}
}

func subject(s string) string { return useragent.Clip(s, maxSubjectBytes) }

// certificateNames returns at most maxNames, and how many there are beside.
func certificateNames(c *x509.Certificate) (names []string, more int) {
	names = []string{}
	add := func(name string) {
		if len(names) == maxNames {
			more++
			return
		}
		names = append(names, useragent.Clip(name, maxNameBytes))
	}
	for _, name := range c.DNSNames {
		add(name)
	}
	for _, ip := range c.IPAddresses {
		add(ip.String())
	}
	return names, more
}

// facts returns what every connection with TLS tells; nil if there was none.
func (h handshake) facts() *events.TLSFacts {
	if len(h.state.PeerCertificates) == 0 {
		return nil
	}
	facts := &events.TLSFacts{Version: tls.VersionName(h.state.Version), Cipher: tls.CipherSuiteName(h.state.CipherSuite)}
	if first := firstToExpire(h.chains); first != nil {
		facts.Expires = first.NotAfter.UTC()
	}
	return facts
}
