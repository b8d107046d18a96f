package wasm_test

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/internal/wasm"
)

// compileIn in the environment makes the test's own program the one that compiles.
const compileIn = "FETCHMILL_TEST_COMPILE_IN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(compileIn); dir != "" {
		os.Exit(wasm.Compile(context.Background(), os.Stdin, os.Stderr, dir))
	}
	leaktest.Main(m)
}

// compiler starts this program again, to compile.
func compiler(ctx context.Context, dir string) *exec.Cmd {
	return exec.CommandContext(ctx, "/usr/bin/env", compileIn+"="+dir, os.Args[0])
}
