package quota

import (
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseMemory(t *testing.T) {
	for text, want := range map[string]int64{
		"1048576\n": 1 << 20,
		"MemTotal:       24595180 kB\nMemFree:        1 kB\n": 24595180 << 10,
		"max\n": 0, "": 0, "-1": 0, "0": 0, "MemTotal: x kB": 0, "9223372036854775807": math.MaxInt64,
		"MemTotal: 9223372036854775807 kB": 0,
	} {
		n, ok := parseMemory([]byte(text))
		require.Equal(t, want, n, text)
		require.Equal(t, want > 0, ok, text)
	}
	require.Positive(t, Memory())
}

func TestParseBandwidth(t *testing.T) {
	for text, want := range map[string]float64{
		"150000 100000": 1.5, "50000 100000\n": 0.5, "400000 100000": 4,
		"max 100000": 0, "-1 100000": 0, "": 0, " ": 0, "100000": 0, "100000 0": 0, "1 2 3": 0, "x y": 0,
	} {
		n, ok := parseBandwidth(text)
		require.InDelta(t, want, n, 0, text)
		require.Equal(t, want > 0, ok, text)
	}
}

func TestCPUs_are_no_more_than_go_runs_on(t *testing.T) {
	require.Positive(t, CPUs())
	require.LessOrEqual(t, CPUs(), float64(runtime.GOMAXPROCS(0)))
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	require.LessOrEqual(t, CPUs(), 1.0)
}

func TestWorkers(t *testing.T) {
	for _, row := range []struct {
		name        string
		cpus, share float64
		want        int
	}{
		{"all of a whole number", 8, 1, 8},
		{"all of a quota with a fraction, none of which is left unused", 1.5, 1, 2},
		{"less than one processor has one worker", 0.5, 1, 1},
		{"three quarters of eight", 8, 0.75, 6},
		{"three quarters of two leave a quarter free, and so one whole", 2, 0.75, 1},
		{"a share is not lost to the way in which fractions are written", 30, 0.1, 3},
		{"the smallest share has one worker", 64, 0.001, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.want, Workers(row.cpus, row.share))
		})
	}
}

func TestUnified(t *testing.T) {
	for name, row := range map[string]struct {
		list string
		want []string
	}{
		"names the own group first and then those above": {"0::/a/b\n", []string{"/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup"}},
		"names the root in a container":                  {"4:memory:/x\n0::/\n", []string{"/sys/fs/cgroup"}},
		"names nothing where there is only version 1":    {"4:memory:/x\n", nil},
		"does not leave the tree":                        {"0::/../../etc\n", []string{"/sys/fs/cgroup/etc", "/sys/fs/cgroup"}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, row.want, unified(row.list)) })
	}
}
