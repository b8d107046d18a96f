package governor

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/internal/quota"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestMeanSince(t *testing.T) {
	h := &metrics.Float64Histogram{
		Buckets: []float64{math.Inf(-1), 0.001, 0.003, 1, math.Inf(1)},
		Counts:  []uint64{10, 20, 0, 0},
	}
	require.InDelta(t, float64(1500*time.Microsecond), float64(meanSince(h, nil)), float64(time.Microsecond))
	require.Equal(t, time.Duration(0), meanSince(h, h.Counts), "nothing new")
	before := append([]uint64{}, h.Counts...)
	h.Counts[3] += 5
	require.Equal(t, time.Second, meanSince(h, before), "what has no upper bound counts as its lower one")
}

// TestMachine computes on more goroutines than there are CPUs, so that they have to wait.
func TestMachine(t *testing.T) {
	m := newMachine()
	memory, before, _ := m.look()
	require.Positive(t, memory.used)
	keep := make([]byte, 32<<20)
	stop, ended := make(chan struct{}), make(chan struct{})
	for range 8 * runtime.GOMAXPROCS(0) {
		go func() {
			defer func() { ended <- struct{}{} }()
			for {
				select {
				case <-stop:
					return
				default:
					runtime.Gosched()
				}
			}
		}()
	}
	require.Eventually(t, func() bool {
		_, cpu, latency := m.look()
		return cpu > before && latency > 0
	}, 20*time.Second, 10*time.Millisecond)
	close(stop)
	for range 8 * runtime.GOMAXPROCS(0) {
		<-ended
	}
	runtime.GC()
	more, _, _ := m.look()
	require.Greater(t, more.used, memory.used+16<<20)
	require.Greater(t, more.collections, memory.collections)
	runtime.KeepAlive(keep)
}

func TestMemory(t *testing.T) {
	const budget = 1 << 30
	// seen is room after a garbage collection with so many items under way, of 100 KiB each, in a process that takes rest besides.
	seen := func(m *memory, items int, rest int64) int {
		return m.room(heap{collections: m.collections + 1, used: rest + int64(items)*100<<10}, items, 0)
	}
	const fit = budget / (100 << 10)

	t.Run("measures what items take, whatever else is in the process", func(t *testing.T) {
		m := &memory{budget: budget}
		require.Equal(t, budget/firstEach, seen(m, 64, 500<<20), "not measured yet")
		seen(m, 128, 500<<20)
		require.InDelta(t, fit, seen(m, 256, 500<<20), 10)
		for range 1000 {
			seen(m, 256, 500<<20)
		}
		require.InDelta(t, fit, seen(m, 256, 500<<20), 10, "it keeps what it knows while nothing varies")
	})

	t.Run("is not misled by a process that grows by itself", func(t *testing.T) {
		m := &memory{budget: budget}
		for i := range 200 {
			seen(m, 1000+i%5*200, int64(i)*1<<20)
		}
		require.InDelta(t, fit, seen(m, 1000, 200<<20), fit/3)
	})

	t.Run("takes what it has measured only once for each garbage collection", func(t *testing.T) {
		m := &memory{budget: budget}
		seen(m, 64, 0)
		before := *m
		m.room(heap{collections: m.collections, used: 12345}, 999, 0)
		require.Equal(t, before, *m)
	})

	t.Run("reckons with items that are parked", func(t *testing.T) {
		m := &memory{budget: budget}
		require.Equal(t, budget/firstEach-5000, m.room(heap{collections: 1}, 10, 5000))
	})

	t.Run("has less room when the process as a whole takes far too much", func(t *testing.T) {
		m := &memory{budget: budget}
		require.Equal(t, 700, m.room(heap{collections: 1, used: 3 * budget}, 1000, 0))
	})
}

func TestConfig(t *testing.T) {
	g, err := New(Config{})
	require.NoError(t, err)
	require.Equal(t, defaultFirst, g.First())
	require.LessOrEqual(t, g.Most(), defaultMost)
	require.Equal(t, quota.Memory()/4, g.Memory())
	require.Positive(t, openFiles())
	for _, cfg := range []Config{{First: 10, Most: 5}, {Least: 20, First: 10}, {Least: -1, First: 1, Most: 1}, {Memory: -1}} {
		_, err := New(cfg)
		require.Error(t, err, "%+v", cfg)
	}
	small, err := New(Config{Least: 100})
	require.NoError(t, err)
	require.Equal(t, 100, small.First())
}

func TestShortages(t *testing.T) {
	g, err := New(Config{})
	require.NoError(t, err)
	g.Failed(&os.SyscallError{Syscall: "connect", Err: syscall.ECONNREFUSED})
	g.Failed(errors.New("anything"))
	require.Zero(t, g.short.Load())
	g.Failed(fmt.Errorf("fetch: %w", &os.SyscallError{Syscall: "socket", Err: syscall.EMFILE}))
	g.Failed(syscall.EADDRNOTAVAIL)
	require.EqualValues(t, 2, g.short.Load())
}
