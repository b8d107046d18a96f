package host

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// journal notes what happens in which order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) note(s string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, s)
}

func (j *journal) component(name string, ready chan struct{}) Component {
	c := Component{Name: name, Run: func(intake, _ context.Context) error {
		j.note("start " + name)
		if ready != nil {
			close(ready)
		}
		<-intake.Done()
		j.note("stop " + name)
		return nil
	}}
	if ready != nil {
		c.Ready = ready
	}
	return c
}

func TestGroup(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)

	t.Run("starts in order and stops in the opposite order", func(t *testing.T) {
		var j journal
		last := make(chan struct{})
		g := Group{Log: quiet, OnDrain: func() { j.note("drain") }}
		g.Add(j.component("broker", make(chan struct{})))
		g.Add(j.component("sink", make(chan struct{})))
		g.Add(j.component("ingest", last))
		intake, stop := context.WithCancel(t.Context())
		go func() {
			<-last
			stop()
		}()
		require.NoError(t, g.Run(intake, t.Context()))
		require.Equal(t, []string{"start broker", "start sink", "start ingest", "drain", "stop ingest", "stop sink", "stop broker"}, j.lines)
	})
	t.Run("stops all when one fails, and starts no more", func(t *testing.T) {
		var j journal
		boom := errors.New("boom")
		g := Group{Log: quiet}
		g.Add(j.component("broker", make(chan struct{})))
		g.Add(Component{Name: "sink", Ready: make(chan struct{}), Run: func(_, _ context.Context) error { return boom }})
		g.Add(j.component("ingest", nil))
		err := g.Run(t.Context(), t.Context())
		require.ErrorIs(t, err, boom)
		require.EqualError(t, err, "sink: boom")
		require.Equal(t, []string{"start broker", "stop broker"}, j.lines)
	})
	t.Run("takes a component that ends by itself for a fault", func(t *testing.T) {
		g := Group{Log: quiet}
		g.Add(Component{Name: "sink", Run: func(_, _ context.Context) error { return nil }})
		require.EqualError(t, g.Run(t.Context(), t.Context()), "sink ended by itself")
	})
	t.Run("joins the errors of all that fail while stopping", func(t *testing.T) {
		one, two := errors.New("one"), errors.New("two")
		g := Group{Log: quiet}
		intake, stop := context.WithCancel(t.Context())
		started := make(chan struct{}, 2)
		for _, e := range []error{one, two} {
			g.Add(Component{Name: "c", Run: func(intake, _ context.Context) error {
				started <- struct{}{}
				<-intake.Done()
				return e
			}})
		}
		go func() {
			<-started
			<-started
			stop()
		}()
		err := g.Run(intake, t.Context())
		require.ErrorIs(t, err, one)
		require.ErrorIs(t, err, two)
	})
	t.Run("hurries those that still work when the drain time has passed", func(t *testing.T) {
		g := Group{Log: quiet, Drain: 10 * time.Millisecond}
		hurried := false
		g.Add(Component{Name: "c", Run: func(_, work context.Context) error {
			<-work.Done()
			hurried = true
			return nil
		}})
		intake, stop := context.WithCancel(t.Context())
		stop()
		require.NoError(t, g.Run(intake, t.Context()))
		require.True(t, hurried)
	})
	t.Run("names those that never end, and does not wait for them", func(t *testing.T) {
		release := make(chan struct{})
		g := Group{Log: quiet, Drain: time.Millisecond, Grace: time.Millisecond}
		g.Add(Component{Name: "stuck", Run: func(_, _ context.Context) error {
			<-release
			return nil
		}})
		intake, stop := context.WithCancel(t.Context())
		stop()
		err := g.Run(intake, t.Context())
		close(release)
		require.ErrorIs(t, err, ErrNotStopped)
		require.EqualError(t, err, "stuck did not stop in time")
	})
}

func TestNewLogger(t *testing.T) {
	var b bytes.Buffer
	log, err := NewLogger(&b, "info", LogAuto)
	require.NoError(t, err)
	log.Debug("unseen")
	log.Info("seen")
	require.Contains(t, b.String(), `"msg":"seen"`)
	require.NotContains(t, b.String(), "unseen")

	b.Reset()
	log, err = NewLogger(&b, "debug", LogText)
	require.NoError(t, err)
	log.Debug("seen")
	require.Contains(t, b.String(), "msg=seen")

	_, err = NewLogger(&b, "loud", LogText)
	require.ErrorContains(t, err, "use debug, info, warn or error")
	_, err = NewLogger(&b, "info", "xml")
	require.ErrorContains(t, err, "use auto, text or json")
}
