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
	seed  = flag.Uint64("chaos.seed", 0, "seed of what is random; 0 takes a new one")
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

func withFetchmill(m *testing.M) int {
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
