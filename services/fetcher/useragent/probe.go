package useragent

import (
	"crypto/x509"

	"github.com/fetchmill/fetchmill/internal/netguard"
)

// What operations need that look at hosts without HTTP, beside Dial, Resolver and Verdict.

// Guard returns the judge of addresses. Dial asks it; who gives addresses away without dialling them has to ask it as well.
func (a *Agent) Guard() *netguard.Guard { return a.cfg.Guard }

// RootCAs returns the certificate authorities that are trusted; nil means the system's.
func (a *Agent) RootCAs() *x509.CertPool { return a.cfg.RootCAs }

// Clip shortens a text that comes from outside to limit bytes and a sign that there was more. What is not UTF-8 becomes "?".
func Clip(s string, limit int) string { return clipString(s, limit) }
