package dnscache

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/fetchmill/fetchmill/services/fetcher/internal/dnstest"
)

// BenchmarkLookup looks up both kinds of addresses; a server on this machine, in the same process, has them.
func BenchmarkLookup(b *testing.B) {
	s := dnstest.New(b, func(q dnsmessage.Message, _ string) []byte {
		return dnstest.Pack(dnstest.Addresses(q, 60, "192.0.2.1"))
	})
	warm, _ := newCache(b, s)
	for name, r := range map[string]*net.Resolver{"cached": warm.Resolver(), "uncached": {PreferGo: true, Dial: s.Dial}} {
		b.Run(name, func(b *testing.B) {
			var n atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(64)
			b.RunParallel(func(pb *testing.PB) {
				name := fmt.Sprintf("n%d.test.", n.Add(1)) // one each, as a resolver joins equal look-ups
				for pb.Next() {
					if _, err := r.LookupNetIP(b.Context(), "ip", name); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lookups/s")
		})
	}
}
