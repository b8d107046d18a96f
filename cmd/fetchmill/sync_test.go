package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSyncing(t *testing.T) {
	var s syncing
	require.NoError(t, s.UnmarshalText([]byte("always")))
	require.Equal(t, syncing{Always: true}, s)
	require.NoError(t, s.UnmarshalText([]byte("10s")))
	require.Equal(t, syncing{Every: 10 * time.Second}, s)
	for _, text := range []string{"", "never", "10", "0s", "-1s"} {
		require.ErrorContains(t, s.UnmarshalText([]byte(text)), "use always, or how often")
	}
}
