package demo

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestDemo(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var out, said bytes.Buffer
	start := time.Now()
	err := Run(t.Context(), Config{Out: &out, Err: &said, Log: slog.New(slog.DiscardHandler), Patience: 40 * time.Second})
	require.NoError(t, err, said.String())
	require.Less(t, time.Since(start), 5*time.Minute, "it ends by itself")
	for _, want := range []string{
		`uptime +✓ ok +180 +1 `, `✗ http_status +40 +1 `, `✗ (deadline|timeout) +10 +1 `,
		`page +✓ ok +160 +1 to 3 `, `✗ http_status +25 +1 to 5 `, `✗ forbidden_target +1 +1 `,
		`count +✓ ok +10 +1 +– +–`,
	} {
		require.Regexp(t, want, out.String())
	}
	require.Contains(t, said.String(), "431 items")
	requireFits(t, out.String()+said.String())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "the data folder is removed")
}

func TestInterruptedDemoLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	err := Run(ctx, Config{Out: &out, Err: cancelAt{"site", cancel}, Log: slog.New(slog.DiscardHandler)})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, out.String())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// cancelAt interrupts when it is told something.
type cancelAt struct {
	word   string
	cancel func()
}

func (c cancelAt) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(c.word)) {
		c.cancel()
	}
	return len(p), nil
}

func TestViewOnATerminal(t *testing.T) {
	var out bytes.Buffer
	v := newView(&out, true, true, []batch{{name: "uptime", items: make([]string, 200)}, {name: "page", items: make([]string, 100)}})
	v.show(0, events.Batch{Batch: "uptime", Total: -1, OK: 100, Failed: 50})
	v.show(1, events.Batch{Batch: "page", OK: 100})
	v.end()
	require.Contains(t, out.String(), "150 of 200")
	require.Contains(t, out.String(), "\x1b[2A", "it draws over what it has drawn")
	text := regexp.MustCompile(`\x1b\[\d*[mKA]`).ReplaceAllString(out.String(), "")
	requireFits(t, text)
	require.Contains(t, text, "uptime    "+strings.Repeat("█", 24)+strings.Repeat("░", 8))
}

func requireFits(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), 80, line)
	}
}

func TestPromisesThatAreNotKeptAreFaults(t *testing.T) {
	batches := []batch{{name: "a", items: make([]string, 3), good: 2}}
	require.NoError(t, check(batches, []summary{{items: 3, ok: 2}}))
	require.ErrorContains(t, check(batches, []summary{{items: 2, ok: 2}}), "2 of 3")
	require.ErrorContains(t, check(batches, []summary{{items: 3, ok: 1}}), "ended ok")
}
