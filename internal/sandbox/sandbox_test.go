package sandbox_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/internal/sandbox"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestSandbox(t *testing.T) {
	for name, keep := range map[string]bool{"removes_its_folder": false, "keeps_its_folder_if_asked": true} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			s, err := sandbox.Start(t.Context(), sandbox.Options{
				Keep: keep, Log: slog.New(slog.DiscardHandler), Configure: func(c *app.Config) { c.Fetchers = 2 },
			})
			require.NoError(t, err)
			c, err := s.Connect(t.Context(), "test")
			require.NoError(t, err)
			r, err := c.Run(t.Context(), "count", client.Item{Text: "10"})
			require.NoError(t, err)
			require.Equal(t, events.StatusOK, r.Status)
			counts, err := c.Counts(t.Context(), events.CountQuery{})
			require.NoError(t, err)
			require.Len(t, counts, 1, "nothing but what the caller submits")
			require.NoError(t, s.Close())

			_, err = os.Stat(filepath.Join(s.Dir, "results.db"))
			require.Equal(t, keep, err == nil)
		})
	}
}

func TestSandboxThatCannotStartLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	_, err := sandbox.Start(t.Context(), sandbox.Options{
		Log: slog.New(slog.DiscardHandler), Configure: func(c *app.Config) { c.Fetchers = -1 },
	})
	require.ErrorContains(t, err, "fetchers")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
