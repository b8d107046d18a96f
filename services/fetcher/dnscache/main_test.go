package dnscache

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/services/fetcher/internal/dnstest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// newCache makes a cache in front of the server, with a clock that the test moves.
func newCache(t testing.TB, s *dnstest.Server, change ...func(*Config)) (*Cache, *clock) {
	t.Helper()
	cfg := Config{Dial: s.Dial}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	require.NoError(t, err)
	k := &clock{start: time.Now()}
	c.now = k.now
	return c, k
}

type clock struct {
	start  time.Time
	passed atomic.Int64
}

func (k *clock) now() time.Time          { return k.start.Add(time.Duration(k.passed.Load())) }
func (k *clock) advance(d time.Duration) { k.passed.Add(int64(d)) }
