package programs

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestRunner_is_patient_with_starts(t *testing.T) {
	t.Run("a command that cannot be run", func(t *testing.T) {
		p := helper("worker")
		p.argv = []string{filepath.Join(t.TempDir(), "gone")}
		_, err := ask(t, runner(t, p), "hello")
		fails(t, err, events.ReasonComputation, true, "program p does not start")
	})
	t.Run("a program that dies at once is not started over and over", func(t *testing.T) {
		r := runner(t, helper("die"))
		l := r.pools["p"]
		for i := range 3 {
			l.mu.Lock()
			l.until = time.Time{} // the pause is over
			l.mu.Unlock()
			began := time.Now()
			_, err := ask(t, r, "hello")
			f := ops.AsFailure(err)
			require.True(t, f.Temporary, err)
			require.Contains(t, []events.Reason{events.ReasonPanic, events.ReasonComputation}, f.Reason)
			require.Contains(t, err.Error(), "exit status 3")
			l.mu.Lock()
			require.GreaterOrEqual(t, l.until.Sub(began), firstPause<<i)
			l.mu.Unlock()
		}
		l.mu.Lock()
		l.until = time.Now().Add(time.Hour)
		l.mu.Unlock()
		require.Eventually(t, func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.live == 0 }, time.Minute, time.Millisecond)
		_, err := ask(t, r, "hello")
		fails(t, err, events.ReasonComputation, true, "does not start")
		require.Greater(t, ops.AsFailure(err).After, 50*time.Minute)
	})
	t.Run("a banner before the first item is garbage", func(t *testing.T) {
		_, err := ask(t, runner(t, helper("banner")), "hello")
		require.ErrorContains(t, err, "welcome")
		require.Equal(t, events.ReasonComputation, ops.AsFailure(err).Reason)
	})
	t.Run("a program that has to say when it is ready", func(t *testing.T) {
		p := helper("ready")
		p.startTimeout = time.Minute
		answers(t, runner(t, p), "hello", `"hello"`)
		p = helper("banner")
		p.startTimeout = time.Minute
		_, err := ask(t, runner(t, p), "hello")
		fails(t, err, events.ReasonComputation, true, `it printed "welcome"`)
		p = helper("die")
		p.startTimeout = time.Minute
		_, err = ask(t, runner(t, p), "hello")
		fails(t, err, events.ReasonComputation, true, "no licence")
		p = helper("mute")
		p.startTimeout = 50 * time.Millisecond
		_, err = ask(t, runner(t, p), "hello")
		fails(t, err, events.ReasonComputation, true, "start_timeout")
	})
	t.Run("closing does not wait for a start", func(t *testing.T) {
		p := helper("mute")
		p.startTimeout = time.Hour
		r := runner(t, p)
		ended := make(chan error, 1)
		go func() { _, err := r.Run(t.Context(), "p", Call{}); ended <- err }()
		require.Eventually(t, func() bool { return only(r) != nil }, time.Minute, time.Millisecond)
		require.NoError(t, r.Close())
		require.True(t, ops.AsFailure(<-ended).Temporary)
	})
}
