package host

import (
	"math"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/quota"
)

func TestRelaxGC(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	settings := func() (int, int64) {
		percent := debug.SetGCPercent(100)
		debug.SetGCPercent(percent)
		return percent, debug.SetMemoryLimit(-1)
	}
	for name, tc := range map[string]struct {
		gogc, gomemlimit string
		percent          int
		limited          bool
	}{
		"lets the heap grow, but not beyond the memory": {"", "", gcPercent, true},
		"leaves GOGC as it is set":                      {"50", "", 100, false},
		"leaves GOMEMLIMIT as it is set":                {"", "1GiB", gcPercent, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOGC", tc.gogc)
			t.Setenv("GOMEMLIMIT", tc.gomemlimit)
			debug.SetGCPercent(100)
			debug.SetMemoryLimit(math.MaxInt64)
			memory := quota.Memory()
			RelaxGC()
			percent, limit := settings()
			require.Equal(t, tc.percent, percent)
			if tc.limited {
				require.InEpsilon(t, heapShare*float64(memory), float64(limit), 0.001)
			} else {
				require.EqualValues(t, math.MaxInt64, limit, "the runtime has read it at start, where it was set")
			}
		})
	}
}
