package queries

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestMain(m *testing.M) {
	status := leaktest.Run(m)
	for _, end := range atEnd {
		if err := end(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	os.Exit(status)
}

// atEnd ends what tests share.
var atEnd []func() error

// load parses a catalogue.
func load(t testing.TB, text string) *Catalogue {
	t.Helper()
	c, err := Parse([]byte(text), t.TempDir(), os.LookupEnv)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

type params map[string]any

func run(ctx context.Context, t testing.TB, c *Catalogue, name string, p params) (json.RawMessage, error) {
	t.Helper()
	given := make(map[string]json.RawMessage, len(p))
	for k, v := range p {
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		given[k] = raw
	}
	return c.Run(ctx, name, given, func() func() { return func() {} })
}

// rows runs a query and returns its rows as JSON.
func rows(t testing.TB, c *Catalogue, name string, p params) string {
	t.Helper()
	value, err := run(t.Context(), t, c, name, p)
	require.NoError(t, err)
	var got struct {
		Rows json.RawMessage `json:"rows"`
	}
	require.NoError(t, json.Unmarshal(value, &got), string(value))
	return string(got.Rows)
}

func fails(t testing.TB, err error, reason events.Reason, temporary bool) {
	t.Helper()
	require.Error(t, err)
	f, ok := errors.AsType[*ops.Failure](err)
	require.True(t, ok, "no verdict in %v", err)
	require.Equal(t, reason, f.Reason, err)
	require.Equal(t, temporary, f.Temporary, err)
	require.NotEmpty(t, err.Error())
}
