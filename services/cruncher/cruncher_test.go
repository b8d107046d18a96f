package cruncher_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher"
	"github.com/fetchmill/fetchmill/services/cruncher/picture/picturetest"

	"github.com/stretchr/testify/require"
)

// run runs a built-in operation.
func run(t testing.TB, op, with string, in ops.Input) (ops.Output, error) {
	t.Helper()
	o, ok := cruncher.Builtin()[op]
	require.True(t, ok)
	in.With = json.RawMessage(with)
	return o.Run(t.Context(), in)
}

func reason(err error) events.Reason { return ops.AsFailure(err).Reason }

// fuzzed runs an operation for at most a tenth of a second: it must end with JSON or a verdict.
func fuzzed(t *testing.T, op ops.Op, in ops.Input) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	out, err := op.Run(ctx, in)
	switch {
	case err != nil && reason(err) == "":
		t.Fatalf("error without reason: %v", err)
	case err == nil && out.Value != nil && !json.Valid(out.Value):
		t.Fatalf("value is not JSON: %q", out.Value)
	case err == nil && len(out.Value) > 1<<20:
		t.Fatalf("value has %d bytes", len(out.Value))
	}
}

func TestBuiltin_has_every_operation(t *testing.T) {
	require.Equal(t, []string{
		"count", "csv.stats", "exec", "expr", "factorial", "file.part", "gunzip", "gzip", "hash", "html.extract", "image.info", "image.resize", "image.thumbnail",
		"increment", "jq", "noop", "primes", "text.stats", "unzstd", "wasm", "words", "zstd",
	}, cruncher.Builtin().Names())
}

func TestNoop_leaves_everything_as_it_is(t *testing.T) {
	out, err := run(t, "noop", `{"whatever":1}`, ops.Input{Value: json.RawMessage(`1`)})
	require.NoError(t, err)
	require.Equal(t, ops.Output{}, out)
}

func TestCount_counts(t *testing.T) {
	for _, c := range []struct{ with, want string }{
		{`{"to":0}`, `{"count":0}`},
		{`{"to":1048577}`, `{"count":1048577}`},
		{`{"to":10000000}`, `{"count":10000000}`},
	} {
		out, err := run(t, "count", c.with, ops.Input{})
		require.NoError(t, err)
		require.Equal(t, c.want, string(out.Value))
	}
}

func TestCount_refuses_bad_arguments(t *testing.T) {
	for with, want := range map[string]events.Reason{
		``: events.ReasonMissingParameter, `{"to":-1}`: events.ReasonInvalidParameter,
		`{"to":"5"}`: events.ReasonInvalidParameter, `{"til":5}`: events.ReasonInvalidParameter,
		`{"from":5}`: events.ReasonMissingParameter, `{"from":5,"to":4}`: events.ReasonInvalidParameter,
	} {
		_, err := run(t, "count", with, ops.Input{})
		require.Equal(t, want, reason(err), with)
	}
}

func TestOperations_stop_when_their_context_ends(t *testing.T) {
	long := map[string]ops.Input{
		"count":     {With: json.RawMessage(`{"to":9000000000000000000}`)},
		"jq":        {With: json.RawMessage(`{"query":"[range(infinite)]|length"}`), Value: json.RawMessage(`1`)},
		"hash":      {Body: make([]byte, 64<<20)},
		"increment": {With: json.RawMessage(`{"n":9000000000000000000}`)},
		"factorial": {With: json.RawMessage(`{"n":300000}`)},
		"primes":    {With: json.RawMessage(`{"n":100000000000000}`)},

		"image.resize":    {With: json.RawMessage(`{"width":10}`), Body: picturetest.FlatJPEG(6000, 6000, 3, false, true)},
		"image.thumbnail": {Body: picturetest.FlatJPEG(3000, 3000, 4, false, true), With: json.RawMessage(`{"format":"png"}`)},
	}
	for name, in := range long {
		op := cruncher.Builtin()[name]
		t.Run(name+" at its timeout", func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
			defer cancel()
			_, err := op.Run(ctx, in)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, events.ReasonTimeout, reason(err))
		})
		t.Run(name+" when the worker stops", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := op.Run(ctx, in)
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}
