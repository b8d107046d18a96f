// Package leaktest finds goroutines that outlive tests. It is goleak with more patience: goleak waits for less than half a second, in which
// on a busy machine a connection that was closed may not have ended.
package leaktest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long goroutines that are ending may take. It passes only where one is left for good.
const patience = time.Minute

// Main runs the tests of a package and ends the process, with status 1 where they succeed and goroutines are left.
func Main(m *testing.M, options ...goleak.Option) {
	os.Exit(Run(m, options...)) //nolint:forbidigo // this is for what main is of tests
}

// Run is Main for packages that have something to do at the end. It returns the status.
func Run(m *testing.M, options ...goleak.Option) (status int) {
	if status = m.Run(); status != 0 {
		return status
	}
	if err := find(patience, options); err != nil {
		fmt.Fprintf(os.Stderr, "goleak: the tests have succeeded, and left this:\n%v\n", err)
		return 1
	}
	return 0
}

// None fails the test where goroutines are left.
func None(t testing.TB, options ...goleak.Option) {
	t.Helper()
	if err := find(patience, options); err != nil {
		t.Error(err)
	}
}

func find(patience time.Duration, options []goleak.Option) error {
	for end := time.Now().Add(patience); ; {
		err := goleak.Find(options...) // tries for a while itself
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}
