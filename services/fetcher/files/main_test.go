package files

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// roots opens the folder in for reading and the folder out for writing.
func roots(t testing.TB, in, out string, change ...func(*Config)) *Roots {
	t.Helper()
	cfg := Config{Read: []string{"in=" + in}, Write: []string{"out=" + out}}
	for _, c := range change {
		c(&cfg)
	}
	r, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// fails requires a verdict, and a text that does not tell where the root is.
func fails(t testing.TB, err error, reason events.Reason, temporary bool) {
	t.Helper()
	require.Error(t, err)
	f, ok := errors.AsType[*ops.Failure](err)
	require.True(t, ok, "no verdict in %v", err)
	require.Equal(t, reason, f.Reason, err)
	require.Equal(t, temporary, f.Temporary, err)
	require.NotContains(t, err.Error(), "/tmp/")
}

func read(t testing.TB, r *Roots, root, name string) string {
	t.Helper()
	f, err := r.Open(root, name)
	require.NoError(t, err)
	defer f.Close()
	data, err := io.ReadAll(f)
	require.NoError(t, err)
	return string(data)
}

func write(t testing.TB, r *Roots, name, text string) Written {
	t.Helper()
	w, err := r.Create("out", name)
	require.NoError(t, err)
	_, err = io.WriteString(w, text)
	require.NoError(t, err)
	done, err := w.Commit()
	require.NoError(t, err)
	return done
}
