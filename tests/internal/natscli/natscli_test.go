package natscli_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/tests/internal/natscli"
)

func TestPrograms(t *testing.T) {
	t.Run("the command line reaches the server over JetStream", func(t *testing.T) {
		t.Setenv("XDG_CONFIG_HOME", t.TempDir()) // whoever runs the tests may have a NATS context of their own
		program, server := natscli.Build(t), natscli.BuildServer(t)
		url := startServer(t, server)
		nats := func(args ...string) string {
			t.Helper()
			out, err := exec.CommandContext(t.Context(), program, append([]string{"--server", url}, args...)...).CombinedOutput()
			require.NoError(t, err, "nats %s: %s", strings.Join(args, " "), out)
			return string(out)
		}
		nats("stream", "add", "TEST", "--subjects", "test.>", "--defaults")
		nats("pub", "--jetstream", "test.a", "hello")
		require.Contains(t, nats("stream", "get", "TEST", "1"), "hello")
	})

	t.Run("a second request gives the same program without building", func(t *testing.T) {
		for _, build := range []func(testing.TB) string{natscli.Build, natscli.BuildServer} {
			first := build(t)
			before, err := os.Stat(first)
			require.NoError(t, err)
			again := build(t)
			require.Equal(t, first, again)
			after, err := os.Stat(again)
			require.NoError(t, err)
			require.Equal(t, before.ModTime(), after.ModTime())
		}
	})
}

// startServer starts a nats-server on a free port, and ends it with the test.
func startServer(t *testing.T, program string) string {
	t.Helper()
	// The test's own context is over before its clean-up asks the server to end.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "--addr", "127.0.0.1", "--port", "-1", "--jetstream", "--store_dir", t.TempDir())
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())

	listening := regexp.MustCompile(`Listening for client connections on (127\.0\.0\.1:\d+)`)
	address, ready, scanned := "", false, make(chan struct{})
	lines := bufio.NewScanner(stderr)
	for !ready && lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			address = m[1]
		}
		ready = strings.Contains(lines.Text(), "Server is ready")
	}
	require.True(t, ready, "the server ended before it was ready")
	go func() {
		defer close(scanned)
		for lines.Scan() { // a full pipe would stop the server
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		<-scanned
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
			t.Errorf("wait for the server: %v", err)
		}
	})
	return "nats://" + address
}
