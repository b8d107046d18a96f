package fetcher

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority makes certificates.
type authority struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	chain [][]byte // its own certificates below the root
}

// template describes a certificate for some names and 127.0.0.1 that is valid from a day ago, for a time from now.
func template(subject string, left time.Duration, names ...string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: subject, Organization: []string{"Test"}},
		NotBefore: earlier(now, now.Add(left)).Add(-24 * time.Hour), NotAfter: now.Add(left),
		DNSNames: names, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// newAuthority makes a root.
func newAuthority(t *testing.T, subject string) *authority {
	t.Helper()
	a := &authority{}
	return a.authority(t, subject, 1000*day)
}

// authority makes one below this one, or a root if this one is empty.
func (a *authority) authority(t *testing.T, subject string, left time.Duration) *authority {
	t.Helper()
	form := template(subject, left)
	form.IsCA, form.BasicConstraintsValid, form.KeyUsage, form.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
	cert, key := a.sign(t, form)
	below := &authority{cert: cert, key: key}
	if a.cert != nil {
		below.chain = append([][]byte{cert.Raw}, a.chain...)
	}
	return below
}

func (a *authority) sign(t *testing.T, form *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = form, key
	}
	der, err := x509.CreateCertificate(rand.Reader, form, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert, key
}

// certify makes a server's certificate with its chain.
func (a *authority) certify(t *testing.T, form *x509.Certificate) tls.Certificate {
	t.Helper()
	cert, key := a.sign(t, form)
	return tls.Certificate{Certificate: append([][]byte{cert.Raw}, a.chain...), PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// secure is a server that makes handshakes, and returns its port.
func secure(t *testing.T, cfg *tls.Config) int {
	t.Helper()
	address := listener(t, func(c net.Conn) { _ = tls.Server(c, cfg).Handshake() })
	a, err := net.ResolveTCPAddr("tcp", address)
	require.NoError(t, err)
	return a.Port
}

func with(cert tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}
