package replicas

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
)

// mode is, in the environment, what this test binary does as a replica instead of testing.
const mode = "FETCHMILL_TEST_REPLICA"

const patience = time.Minute

func TestMain(m *testing.M) {
	if os.Getenv(mode) != "" {
		os.Exit(beReplica(os.Getenv(mode)))
	}
	leaktest.Main(m)
}

// beReplica tells on its standard error what happens to it, and exits with the status that it was told.
func beReplica(how string) int {
	var config struct{ Status int }
	orders, err := Read(os.Stdin, &config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 9
	}
	if how == "crash" {
		return config.Status
	}
	intake, work := orders.Follow(context.Background(), context.Background())
	<-intake.Done()
	if how == "good" {
		return config.Status
	}
	<-work.Done()
	if how == "slow" {
		return config.Status
	}
	select {}
}

// pool is a pool of replicas that behave so.
func pool(t *testing.T, how string, status int) *Pool {
	t.Helper()
	command := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), mode+"="+how)
		return cmd
	}
	return New("fetcher", command, fmt.Appendf(nil, `{"Status":%d}`, status), slog.New(slog.DiscardHandler))
}

// left is how many processes have not ended.
func (p *Pool) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

func TestPool(t *testing.T) {
	t.Run("starts as many as asked for, and drains the youngest", func(t *testing.T) {
		p := pool(t, "good", 0)
		require.NoError(t, p.Set(3))
		require.Equal(t, 3, p.Running())
		require.NoError(t, p.Set(3))
		require.Equal(t, 3, p.left())
		first := p.working[0]
		require.NoError(t, p.Set(1))
		require.Equal(t, 1, p.Running())
		require.Same(t, first, p.working[0])
		require.Eventually(t, func() bool { return p.left() == 1 }, patience, time.Millisecond)
		p.Stop(t.Context())
		require.Zero(t, p.left())
		require.True(t, first.cmd.ProcessState.Success())
	})
	t.Run("a replica that ends by itself is not counted any more", func(t *testing.T) {
		p := pool(t, "crash", 3)
		require.NoError(t, p.Set(2))
		require.Eventually(t, func() bool { return p.Running() == 0 }, patience, time.Millisecond)
		p.Stop(t.Context())
	})
	t.Run("who does not end by draining is hurried when the time is over", func(t *testing.T) {
		p := pool(t, "slow", 0)
		require.NoError(t, p.Set(2))
		first := p.working[0]
		work, end := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			p.Stop(work)
		}()
		require.Eventually(t, func() bool { return p.Running() == 0 }, patience, time.Millisecond)
		require.Equal(t, 2, p.left())
		end()
		<-stopped
		require.Zero(t, p.left())
		require.True(t, first.cmd.ProcessState.Success())
	})
	t.Run("who does not even end then is killed", func(t *testing.T) {
		p := pool(t, "stubborn", 0)
		require.NoError(t, p.Set(2))
		first := p.working[0]
		over, end := context.WithCancel(t.Context())
		end()
		p.Stop(over)
		require.Zero(t, p.left())
		require.False(t, first.cmd.ProcessState.Exited())
	})
	t.Run("says what could not be started", func(t *testing.T) {
		p := New("fetcher", func() *exec.Cmd { return exec.Command("/no/such/program") }, nil, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, p.Set(1), "start another fetcher")
		require.Zero(t, p.Running())
		p.Stop(t.Context())
	})
}
