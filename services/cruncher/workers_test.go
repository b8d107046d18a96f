package cruncher_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/quota"
	"github.com/fetchmill/fetchmill/services/cruncher"
)

func TestConfig_has_as_many_workers_as_processors(t *testing.T) {
	before := runtime.GOMAXPROCS(4)
	defer runtime.GOMAXPROCS(before)
	require.Equal(t, quota.Workers(quota.CPUs(), 1), cruncher.Config{}.Workers().Limit())
	require.Equal(t, quota.Workers(quota.CPUs(), 0.5), cruncher.Config{CPUShare: 0.5}.Workers().Limit())
	require.Contains(t, cruncher.Config{CPUShare: 0.5}.Workers().OfCPUs(), "(0.5 of ")
	fixed := cruncher.Config{Concurrency: 7, CPUShare: 0.5}.Workers()
	require.Equal(t, 7, fixed.Limit())
	require.Empty(t, fixed.OfCPUs())
}
