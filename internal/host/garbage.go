package host

import (
	"os"
	"runtime/debug"

	"github.com/fetchmill/fetchmill/internal/quota"
)

const (
	// gcPercent lets the heap grow to three times what is live before it is collected, and not to twice as usual. What lives is little, as
	// items are garbage soon after they have come: `bench io` with 1,000 in flight spends 9 % less CPU time on an item so, and more than this brings no more.
	gcPercent = 200
	// heapShare is how much of the memory the heap may fill before collections come as often as they must.
	heapShare = 0.9
)

// RelaxGC makes garbage collections rarer as long as there is memory for that. GOGC and GOMEMLIMIT, where they are set, keep their say
// (https://go.dev/doc/gc-guide).
func RelaxGC() {
	if os.Getenv("GOGC") != "" {
		return
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(heapShare * float64(quota.Memory())))
	}
	debug.SetGCPercent(gcPercent)
}
