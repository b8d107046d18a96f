package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// TestUptime watches a page that fails and answers again, and everything is killed in between.
func TestUptime(t *testing.T) {
	var broken atomic.Bool
	s := newSite(t, map[string]http.HandlerFunc{"/shop": func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}})
	dir := t.TempDir()
	m := up(t, dir, local...)
	file := filepath.Join(t.TempDir(), "targets.yaml")
	write := func(extra string) {
		t.Helper()
		text := fmt.Sprintf(`
defaults: {interval: 1s, recheck: 0s, failures: 2, owner: Ada, channels: [ops]}
targets:
  - {name: shop, url: "%[1]s/shop", conditions: ['status < 400 && elapsed < duration("1m")']}
%[2]s`, s.URL, extra)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	state := func(name string, want events.TargetState) {
		t.Helper()
		require.Eventually(t, func() bool {
			d, err := m.client.Target(t.Context(), name)
			return err == nil && d.State == want
		}, patience, tick, "%s is not %s", name, want)
	}

	write(fmt.Sprintf("  - {name: old, url: \"%s/missing/1\"}\n", s.URL))
	require.Contains(t, m.run(t, "uptime", "apply", "-f", file, "--dry-run").stderr, "would be added 2")
	require.Contains(t, m.run(t, "uptime", "apply", "-f", file).stderr, "added 2")
	require.Contains(t, m.run(t, "uptime", "apply", "-f", file, "--prune").stderr, "nothing to change")
	state("shop", events.TargetUp)
	state("old", events.TargetDown)
	require.Contains(t, m.ok(t, "uptime", "ls", "--state", "down"), "status 404")

	broken.Store(true)
	state("shop", events.TargetDown)
	m.process.Signal(syscall.SIGKILL)
	m.process.Wait()
	m = up(t, dir, local...)
	state("shop", events.TargetDown)
	broken.Store(false)
	state("shop", events.TargetUp)

	write("")
	r := m.run(t, "uptime", "apply", "-f", file, "--prune")
	require.Contains(t, r.stderr, "removed 1")
	require.Contains(t, r.stdout, "old")
	_, err := m.client.Target(t.Context(), "old")
	require.ErrorIs(t, err, client.ErrNoTarget)
	incidents := lines[events.Incident](t, m.ok(t, "uptime", "incidents", "-o", "ndjson"))
	require.Len(t, incidents, 2, "one each, whatever was killed")
	for _, i := range incidents {
		require.Equal(t, map[string]string{"shop": "up", "old": "removed"}[i.Target], i.End)
	}
	require.Contains(t, m.ok(t, "uptime", "show", "shop"), "condition status < 400")
	require.Equal(t, []events.NoticeKind{events.NoticeDown, events.NoticeResolved}, notices(t, m, "shop"), "each once")

	before := len(s.times("/missing/1"))
	last := len(s.times("/shop"))
	require.Eventually(t, func() bool { return len(s.times("/shop")) > last+3 }, patience, tick)
	require.LessOrEqual(t, len(s.times("/missing/1")), before+1, "what is removed is not looked at")

	bad := m.run(t, "uptime", "apply", "-f", "/dev/null")
	require.Equal(t, 1, bad.status)
	require.Contains(t, bad.stderr, "write at least targets: []")
}

// notices are what the owner of a target is to be told, in order, without regard to what the sink has sent on already.
func notices(t *testing.T, m *mill, target string) []events.NoticeKind {
	t.Helper()
	js, err := jetstream.New(process.Connect(t, m.broker))
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), "NOTICES")
	require.NoError(t, err)
	var kinds []events.NoticeKind
	require.Eventually(t, func() bool {
		kinds = kinds[:0]
		info, err := stream.Info(t.Context())
		if err != nil {
			return false
		}
		for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
			msg, err := stream.GetMsg(t.Context(), seq)
			if err != nil {
				continue
			}
			if n, err := events.DecodeNotice(msg.Data); err == nil && n.What == target {
				kinds = append(kinds, n.Kind)
			}
		}
		return len(kinds) >= 2
	}, patience, 200*time.Millisecond)
	return kinds
}
