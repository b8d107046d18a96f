package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// fetchmill is the path of the program under test.
var fetchmill string

func TestMain(m *testing.M) { os.Exit(withFetchmill(m)) }

func withFetchmill(m *testing.M) int {
	dir, err := os.MkdirTemp("", "fetchmill-e2e")
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
