package stats_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/bench/stats"
)

func TestMedian(t *testing.T) {
	list := []float64{9, 1, 5}
	require.InDelta(t, 5, stats.Median(list), 0)
	require.InDelta(t, 3, stats.Median([]float64{4, 1, 2, 9}), 0)
	require.InDelta(t, 7, stats.Median([]float64{7}), 0)
	require.Equal(t, []float64{9, 1, 5}, list, "the list stays as it was")
}
