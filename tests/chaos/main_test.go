package chaos

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/fetchmill/fetchmill/tests/internal/process"
)

var (
	items = flag.Int("chaos.items", 20_000, "items that flow")
	kills = flag.Int("chaos.kills", 4, "kills of each process")
	only  = flag.String("chaos.faults", "", "the faults of TestFaults, as it prints them, or none; empty makes a list")
	seed  = flag.Uint64("chaos.seed", 0, "seed of what is random; 0 takes a new one")

	shrinkTries = flag.Int("chaos.shrink", 0, "look for the fewest faults with which TestFaults fails, if it fails: so many tries for each shorter list; 0 does not")
)

// fetchmill is the path of the program under test.
var fetchmill string

func TestMain(m *testing.M) {
	if poisoned := os.Getenv(poisonedWorker); poisoned != "" {
		os.Exit(runPoisonedWorker(poisoned))
	}
	flag.Parse()
	os.Exit(withFetchmill(m))
}

// builtProgram is set in the environment of a test binary that another one has started; its value is what that one has built.
const builtProgram = "FETCHMILL_TEST_BUILT"

func withFetchmill(m *testing.M) int {
	if fetchmill = os.Getenv(builtProgram); fetchmill != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "fetchmill-chaos")
	if err == nil {
		fetchmill, err = process.Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return m.Run()
}
