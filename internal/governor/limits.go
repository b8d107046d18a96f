package governor

import (
	"math"
	"syscall"
)

const (
	// filesPerItem is how many open files an item is reckoned with: its own connection, and two that wait in the pool to be used again.
	filesPerItem = 3
	// reservedFiles is for everything else: the database, the broker with its streams, clients.
	reservedFiles = 512
)

// openFiles is how many files items may have open. Go itself raises the soft limit to the hard one when a program starts.
func openFiles() int {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) != nil {
		return math.MaxInt32
	}
	return max(int(min(r.Cur, math.MaxInt32))-reservedFiles, int(r.Cur/2)) // of a low limit half
}
