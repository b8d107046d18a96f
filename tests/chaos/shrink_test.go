package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// shrink finds a part of a list that still fails and of which nothing can be left out, one by one, without it succeeding (ddmin, by
// Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002). The whole list must fail.
func shrink[E any](list []E, fails func([]E) bool) []E {
	for pieces := 2; len(list) > 0; {
		shorter := false
		size := (len(list) + pieces - 1) / pieces
		for from := 0; from < len(list); from += size {
			rest := slices.Concat(list[:from], list[min(from+size, len(list)):])
			if fails(rest) {
				list, shorter = rest, true
				break
			}
		}
		switch {
		case shorter:
			pieces = max(pieces-1, 2)
		case size == 1:
			return list
		default:
			pieces = min(2*pieces, len(list))
		}
	}
	return list
}

func TestShrink(t *testing.T) {
	numbers := func(n int) []int {
		list := make([]int, n)
		for i := range list {
			list[i] = i
		}
		return list
	}
	for name, tc := range map[string]struct {
		n       int
		guilty  []int
		atMost  int // runs
		without []int
	}{
		"one of many":        {n: 23, guilty: []int{17}, atMost: 12},
		"two far apart":      {n: 23, guilty: []int{2, 20}, atMost: 40},
		"all of them":        {n: 5, guilty: numbers(5), atMost: 20},
		"none of them":       {n: 23, guilty: []int{}, atMost: 12},
		"the only one":       {n: 1, guilty: []int{0}, atMost: 2},
		"three side by side": {n: 64, guilty: []int{30, 31, 32}, atMost: 60},
	} {
		t.Run(name, func(t *testing.T) {
			runs := 0
			got := shrink(numbers(tc.n), func(list []int) bool {
				runs++
				return !slices.ContainsFunc(tc.guilty, func(i int) bool { return !slices.Contains(list, i) })
			})
			require.ElementsMatch(t, tc.guilty, got)
			require.LessOrEqual(t, runs, tc.atMost)
		})
	}
}

// noFaults is how an empty list is written.
const noFaults = "none"

// shrinkFaults runs a test that has failed again and again with fewer faults, each time in a process of its own, and tells the fewest with
// which it fails. What fails only now and then is taken as failing if one of some tries does.
func shrinkFaults(t *testing.T, faults []fault) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	runs := 0
	fewest := shrink(faults, func(list []fault) bool {
		for range *shrinkTries {
			runs++
			cmd := exec.Command(self, "-test.run=^"+regexp.QuoteMeta(t.Name())+"$", "-test.count=1", "-test.timeout=30m",
				"-chaos.faults="+listed(list), fmt.Sprint("-chaos.items=", *items), fmt.Sprint("-chaos.seed=", *seed))
			cmd.Env = append(os.Environ(), builtProgram+"="+fetchmill)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Logf("it fails with %q: %s", listed(list), tail(string(out)))
				return true
			}
		}
		t.Logf("it succeeds with %q", listed(list))
		return false
	})
	t.Logf("after %d runs: it fails with -chaos.faults %q, and with nothing less", runs, listed(fewest))
}
