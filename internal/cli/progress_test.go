package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPace(t *testing.T) {
	require.Equal(t, "done", pace("done", 0, 5, time.Second))
	require.Equal(t, "done", pace("done", 1000, 5, time.Millisecond), "no rate from a moment")
	require.Equal(t, "submitted, 500/s", pace("submitted", 1000, -1001, 2*time.Second))
	require.Equal(t, "done, 0.5/s, 20s left", pace("done", 1, 10, 2*time.Second))
}

func TestProgressShowsNothingInAPipe(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b)
	p.Show("done", 1, 2)
	p.Clear()
	require.Empty(t, b.String())
}
