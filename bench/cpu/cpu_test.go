package cpu

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestRun(t *testing.T) {
	r, err := Run(t.Context(), Config{
		Rounds: 1, Thumbnails: 2, HashBytes: 1 << 20, Sizes: []time.Duration{time.Millisecond}, Sweep: 20 * time.Millisecond,
		Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	require.Len(t, r.Loads, 5)
	for _, l := range r.Loads {
		for _, name := range []string{nameSerial, nameParallel, namePipeline} {
			require.Positive(t, l.Seconds[name], "%s: %s", l.Name, name)
		}
	}
	require.Len(t, r.Sweep, 1)
	require.NotEmpty(t, r.Python)
	var out bytes.Buffer
	require.NoError(t, r.Print(&out))
	require.Contains(t, out.String(), "errgroup")
	require.Contains(t, out.String(), "no PIL")
}

// The loops do what they say, so the compiler has removed none of them: twice as much takes longer, which the figures of a run show, and
// the results are those of so many steps.
func TestLoops_are_not_removed(t *testing.T) {
	set := operations(t.TempDir())
	for op, c := range map[string]struct{ with, want string }{
		"count": {`{"to":12345678}`, `{"count":12345678}`}, "increment": {`{"n":1234567}`, `{"value":1234567}`},
	} {
		out, err := set[op].Run(t.Context(), ops.Input{With: json.RawMessage(c.with)})
		require.NoError(t, err)
		require.JSONEq(t, c.want, string(out.Value))
	}
}
