package programs

import (
	"context"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestRunner_shares_processes(t *testing.T) {
	t.Run("among many items, never more than there are workers", func(t *testing.T) {
		p := helper("worker")
		p.workers = 3
		r := runner(t, p)
		var wg sync.WaitGroup
		pids := make(chan string, 100)
		for range 100 {
			wg.Go(func() {
				pid, err := ask(t, r, "pid")
				if err != nil {
					pid = err.Error()
				}
				pids <- pid
			})
		}
		wg.Wait()
		close(pids)
		seen := map[string]bool{}
		for pid := range pids {
			require.NotContains(t, pid, " ")
			seen[pid] = true
		}
		require.LessOrEqual(t, len(seen), 3)
	})
	t.Run("an item that would wait too long comes again later, and no attempt is spent", func(t *testing.T) {
		path, open, _ := fifo(t)
		r := runner(t, helper("worker"))
		answers(t, r, "hello", `"hello"`) // its process has started
		r.pools["p"].wait = 10 * time.Millisecond
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _, _ = r.Run(ctx, "p", Call{Value: text("hold " + path)}) }()
		<-open
		_, err := ask(t, r, "hello")
		require.True(t, ops.AsFailure(err).Deferred, err)
		cancel()
		<-ended
	})
	t.Run("a process is replaced after so many items", func(t *testing.T) {
		p := helper("worker")
		p.recycleAfter = 2
		r := runner(t, p)
		var pids []string
		for range 4 {
			pid, err := ask(t, r, "pid")
			require.NoError(t, err)
			pids = append(pids, pid)
		}
		require.Equal(t, pids[0], pids[1])
		require.Equal(t, pids[2], pids[3])
		require.NotEqual(t, pids[1], pids[2])
	})
	t.Run("a process that ended while it had nothing to do is replaced", func(t *testing.T) {
		r := runner(t, helper("worker"))
		answers(t, r, "hello", `"hello"`)
		p := only(r)
		require.NoError(t, syscall.Kill(p.cmd.Process.Pid, syscall.SIGKILL))
		await(t, p.exited, "it is dead")
		require.Eventually(t, func() bool { return only(r) == nil }, time.Minute, time.Millisecond)
		answers(t, r, "hello", `"hello"`)
	})
}
