package useragent

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGet_tells_how_the_connection_was_secured(t *testing.T) {
	var resumed atomic.Int64
	s, _ := counted(t, func(w http.ResponseWriter, r *http.Request) {
		if r.TLS.DidResume {
			resumed.Add(1)
		}
		w.Header().Set("Connection", "close")
	}, true)
	a := agent(t, trusting(s))
	for i := range 3 {
		out, err := get(t, a, s.URL)
		require.NoError(t, err)
		require.NotNil(t, out.Fetch.TLS)
		require.Equal(t, "TLS 1.3", out.Fetch.TLS.Version)
		require.Contains(t, out.Fetch.TLS.Cipher, "TLS_")
		require.Equal(t, s.Certificate().NotAfter.UTC(), out.Fetch.TLS.Expires)
		require.EqualValues(t, i, resumed.Load(), "later handshakes are short, and know the certificates too")
		a.Close() // no idle connections
	}
	plain := site(t, func(w http.ResponseWriter, r *http.Request) {})
	out, err := get(t, a, plain.URL)
	require.NoError(t, err)
	require.Nil(t, out.Fetch.TLS)
}

func TestGet_tells_of_the_last_connection_only(t *testing.T) {
	plain := site(t, func(http.ResponseWriter, *http.Request) {})
	s, _ := counted(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, plain.URL, http.StatusFound) }, true)
	out, err := get(t, agent(t, trusting(s)), s.URL)
	require.NoError(t, err)
	require.Nil(t, out.Fetch.TLS)
}

func TestChainsExpire(t *testing.T) {
	day := func(n int) *x509.Certificate {
		return &x509.Certificate{NotAfter: time.Date(2030, 1, n, 0, 0, 0, 0, time.UTC)}
	}
	require.Equal(t, day(3).NotAfter, chainsExpire([][]*x509.Certificate{{day(5), day(3), day(9)}}))
	require.Equal(t, day(4).NotAfter, chainsExpire([][]*x509.Certificate{{day(5), day(3)}, {day(5), day(4)}}), "the other chain still holds")
	require.Zero(t, chainsExpire(nil))
	require.Zero(t, tlsFacts(&tls.ConnectionState{}).Expires)
}
