package useragent

import (
	"crypto/tls"
	"net/http"
	"testing"
)

// BenchmarkConnect fetches with a new connection each time. It counts the server, in the same process, too.
func BenchmarkConnect(b *testing.B) {
	hello := func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") }
	secure, _ := counted(b, hello, true)
	plain, _ := counted(b, hello, false)
	for _, c := range []struct {
		name, url string
		sessions  tls.ClientSessionCache
	}{
		{"plain", plain.URL, nil},
		{"TLS in full", secure.URL, nil},
		{"TLS resumed", secure.URL, tls.NewLRUClientSessionCache(maxSessions)},
	} {
		b.Run(c.name, func(b *testing.B) {
			a := agent(b, trusting(secure))
			a.transport.TLSClientConfig.ClientSessionCache = c.sessions
			a.transport.TLSClientConfig.NextProtos = nil
			a.transport.ForceAttemptHTTP2 = false
			a.transport.DisableKeepAlives = true
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := get(b, a, c.url); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
