package e2e

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// stop ends a mill as Ctrl-C does.
func (m *mill) stop(t *testing.T) {
	t.Helper()
	m.process.Signal(syscall.SIGINT)
	require.Zero(t, m.process.Wait(), m.process.Stderr())
}

func TestIdempotency(t *testing.T) {
	t.Run("the same Nats-Msg-Id is one row, beyond the broker's memory and across a restart", func(t *testing.T) {
		dir := t.TempDir()
		const window = time.Second
		m := up(t, dir, "--stream-duplicate-window", window.String())
		pub := func(m *mill, body string) {
			m.pub(t, "work.noop", body, "-H", "Nats-Msg-Id:order-1", "-H", "batch:orders")
			m.idle(t)
		}
		pub(m, "first")
		first := m.result(t, "noop", "first")
		require.Equal(t, events.IDFromKey("order-1"), first.ID)

		published := time.Now()
		require.Eventually(t, func() bool { return time.Since(published) > 2*window }, patience, tick)
		pub(m, "second")
		m.stop(t)
		m = up(t, dir)
		pub(m, "third")

		rows := m.results(t, events.ResultQuery{Recipe: "noop"})
		require.Len(t, rows, 1)
		require.Equal(t, first, rows[0])
		b, err := m.client.Batch(t.Context(), "orders")
		require.NoError(t, err)
		require.EqualValues(t, 1, b.Ended())
		counts, err := m.client.Counts(t.Context(), events.CountQuery{})
		require.NoError(t, err)
		require.Equal(t, []events.Count{{Recipe: "noop", Status: events.StatusOK, Count: 1}}, counts)
	})
}

func TestStart(t *testing.T) {
	dir := t.TempDir()
	m := up(t, dir)

	t.Run("without --allow-net loopback is refused, and the refusal names the remedy", func(t *testing.T) {
		s := newSite(t, nil)
		m.pub(t, "work.uptime", s.URL+"/fast/1")
		r := m.result(t, "uptime", s.URL+"/fast/1")
		require.Equal(t, []any{events.StatusFailed, events.ReasonForbiddenTarget}, []any{r.Status, r.Reason})
		require.Contains(t, r.Error, "--allow-net 127.0.0.")
		require.Zero(t, s.requests())
	})
	t.Run("a second up on the same data folder is refused", func(t *testing.T) {
		r := m.run(t, "up", "--data", dir, "--nats-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0")
		require.Equal(t, 1, r.status)
		require.Contains(t, r.stderr, fmt.Sprintf("in use by process %d", m.process.PID()))
		require.Contains(t, r.stderr, "--data")
	})
	for name, args := range map[string][]string{
		"broker":   {"--nats-addr", m.broker[len("nats://"):], "--http-addr", "127.0.0.1:0"},
		"HTTP API": {"--nats-addr", "127.0.0.1:0", "--http-addr", m.http[len("http://"):]},
	} {
		t.Run("a taken port for the "+name+" is told with the remedy", func(t *testing.T) {
			r := m.run(t, append([]string{"up", "--data", filepath.Join(dir, "other")}, args...)...)
			require.Equal(t, 1, r.status)
			require.Contains(t, r.stderr, "in use")
			require.Contains(t, r.stderr, map[string]string{"broker": "--nats-addr", "HTTP API": "--http-addr"}[name])
		})
	}
	t.Run("commands that find no broker say how to start one", func(t *testing.T) {
		nowhere := &mill{broker: "nats://127.0.0.1:9"}
		r := nowhere.run(t, "submit", "noop", "x")
		require.Equal(t, 1, r.status)
		require.Contains(t, r.stderr, "fetchmill up")
	})
}
