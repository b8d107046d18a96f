package quota

import (
	"math"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// CPUs is how many processors the process may keep busy, which need not be a whole number: the least of what Go runs on (GOMAXPROCS, the
// machine's processors and those that the process is bound to) and the bandwidth of its control groups.
func CPUs() float64 {
	least := float64(runtime.GOMAXPROCS(0))
	for _, folder := range groups("cpu") {
		if n, ok := parseBandwidth(text(folder, "cpu.max")); ok {
			least = min(least, n)
		}
		if n, ok := parseBandwidth(text(folder, "cpu.cfs_quota_us") + " " + text(folder, "cpu.cfs_period_us")); ok {
			least = min(least, n)
		}
	}
	return least
}

// text is what a file has, empty if it cannot be read.
func text(folder, name string) string {
	data, err := os.ReadFile(path.Join(folder, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// parseBandwidth reads how many microseconds of processor time there are in a period of so many. "max" and negative numbers are no limit.
func parseBandwidth(text string) (cpus float64, ok bool) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return 0, false
	}
	quota, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || quota <= 0 {
		return 0, false
	}
	period, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil || period <= 0 {
		return 0, false
	}
	return float64(quota) / float64(period), true
}

// Workers is how many workers keep a share of so many processors busy, at least one. All of them are rounded up, so that nothing of a
// quota such as 1.5 is left unused; less than all is rounded down, so that what is to be left free is free.
func Workers(cpus, share float64) int {
	n := math.Ceil(cpus)
	if share < 1 {
		n = math.Floor(cpus*share + 1e-9) // 0.1 of 30 is 3
	}
	return int(max(1, n))
}
