package stage_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func bundleConfig(concurrency int) stage.Config {
	return stage.Config{
		Stage: events.StageFetch, Concurrency: concurrency,
		Sources: []natsjs.Source{{Stream: topology.StreamFetch, Consumer: "normal", Weight: 1}},
	}
}

func TestBundles(t *testing.T) {
	const n = 3000

	t.Run("each message is handled once and in no more goroutines than asked for", func(t *testing.T) {
		m := newMill(t, time.Hour)
		for i := range n {
			m.put(fmt.Sprintf("fetch.normal.x%d", i%7), fmt.Append(nil, i))
		}
		var mu sync.Mutex
		seen := map[string]int{}
		var now, most atomic.Int64
		r, err := stage.New(m.env, bundleConfig(3), func(_ context.Context, msg stage.Message) stage.Verdict {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			mu.Lock()
			defer mu.Unlock()
			seen[string(msg.Data)]++
			return stage.Done(stage.OutcomeDone)
		})
		require.NoError(t, err)
		run(t, r.Run)
		m.eventuallyEmpty(topology.StreamFetch)
		mu.Lock()
		defer mu.Unlock()
		require.Len(t, seen, n)
		for data, times := range seen {
			require.Equal(t, 1, times, data)
		}
		require.LessOrEqual(t, most.Load(), int64(3))
	})

	t.Run("what stands behind an operation that hangs goes to another worker, and what was decided before it is carried out", func(t *testing.T) {
		m := newMill(t, time.Hour)
		for i := range n {
			m.put("fetch.normal.x", fmt.Append(nil, i))
		}
		var handled atomic.Int64
		release := make(chan struct{})
		r, err := stage.New(m.env, bundleConfig(2), func(_ context.Context, msg stage.Message) stage.Verdict {
			// By then the pace is that of quick messages, so this one is in the middle of a large bundle.
			if string(msg.Data) == fmt.Sprint(n-50) {
				<-release
			}
			handled.Add(1)
			return stage.Done(stage.OutcomeDone)
		})
		require.NoError(t, err)
		run(t, r.Run)
		require.Eventually(t, func() bool { return handled.Load() == n-1 && m.left(topology.StreamFetch) == 1 }, patience, time.Millisecond)
		close(release)
		m.eventuallyEmpty(topology.StreamFetch)
	})
}

func TestUndecided(t *testing.T) {
	t.Run("a handler that does not decide gets the message again", func(t *testing.T) {
		m := newMill(t, time.Hour)
		var calls atomic.Int64
		r, err := stage.New(m.env, bundleConfig(1), func(context.Context, stage.Message) stage.Verdict {
			if calls.Add(1) == 1 {
				return stage.Verdict{}
			}
			return stage.Done(stage.OutcomeDone)
		})
		require.NoError(t, err)
		run(t, r.Run)
		m.put("fetch.normal.x", []byte("x"))
		m.eventuallyEmpty(topology.StreamFetch)
		require.EqualValues(t, 2, calls.Load())
	})

	t.Run("a handler that forgets one of several messages gets all of them again", func(t *testing.T) {
		m := newMill(t, time.Hour)
		for i := range 10 {
			m.put("fetch.normal.x", fmt.Append(nil, i))
		}
		var mu sync.Mutex
		decided := map[string]bool{}
		forgotten := false
		r, err := stage.NewTogether(m.env, bundleConfig(1), 10, func(_ context.Context, list []stage.Message) []stage.Verdict {
			mu.Lock()
			defer mu.Unlock()
			verdicts := make([]stage.Verdict, 0, len(list))
			for _, msg := range list {
				decided[string(msg.Data)] = true
				verdicts = append(verdicts, stage.Done(stage.OutcomeDone))
			}
			if len(list) > 1 && !forgotten {
				forgotten = true
				clear(decided)
				return verdicts[1:]
			}
			return verdicts
		})
		require.NoError(t, err)
		run(t, r.Run)
		m.eventuallyEmpty(topology.StreamFetch)
		mu.Lock()
		defer mu.Unlock()
		require.True(t, forgotten, "no two messages came together")
	})
}
