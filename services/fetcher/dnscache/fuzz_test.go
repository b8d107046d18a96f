package dnscache

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/fetchmill/fetchmill/services/fetcher/internal/dnstest"
)

var fuzzQuery = dnsmessage.Message{
	Header:    dnsmessage.Header{ID: 7, RecursionDesired: true},
	Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("a.test."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
}

// FuzzAnswer lets a name server answer anything.
func FuzzAnswer(f *testing.F) {
	none := dnstest.Response(fuzzQuery)
	none.RCode, none.Authorities = dnsmessage.RCodeNameError, []dnsmessage.Resource{dnstest.SOA(60, 1<<32-1)}
	opt := dnstest.Addresses(fuzzQuery, 1<<31, "192.0.2.1", "192.0.2.2")
	var h dnsmessage.ResourceHeader
	require.NoError(f, h.SetEDNS0(1232, dnsmessage.RCode(16), true))
	opt.Additionals = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.OPTResource{}}}
	for _, m := range []dnsmessage.Message{fuzzQuery, dnstest.Response(fuzzQuery), dnstest.Addresses(fuzzQuery, 60, "192.0.2.1"), none, opt} {
		f.Add(dnstest.Pack(m))
	}
	q, err := parseQuery(dnstest.Pack(fuzzQuery))
	require.NoError(f, err)
	cfg := Config{MinTTL: 5 * time.Second, MaxTTL: 5 * time.Minute, MaxNegativeTTL: 30 * time.Second}
	f.Fuzz(func(t *testing.T, message []byte) {
		if !answers(message, q) {
			return
		}
		ttl, ok := lifetime(message, q, cfg)
		if !ok {
			return
		}
		require.GreaterOrEqual(t, ttl, cfg.MinTTL)
		require.LessOrEqual(t, ttl, cfg.MaxTTL)
		require.LessOrEqual(t, len(message), maxAnswerBytes)
		require.True(t, answers(withID(message, q.id), q))
		var m dnsmessage.Message
		if m.Unpack(message) == nil {
			require.False(t, m.Truncated)
			require.Contains(t, []dnsmessage.RCode{dnsmessage.RCodeSuccess, dnsmessage.RCodeNameError}, m.RCode)
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add(dnstest.Pack(fuzzQuery))
	f.Add([]byte("\x00\x01"))
	f.Fuzz(func(t *testing.T, query []byte) {
		q, err := parseQuery(query)
		if err != nil {
			return
		}
		again, err := parseQuery(withID(query, q.id+1))
		require.NoError(t, err)
		require.Equal(t, q.key, again.key, "the ID is no part of what is asked")
	})
}
