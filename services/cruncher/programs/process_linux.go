package programs

import (
	"errors"
	"fmt"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

const canLimitMemory = true

// attributes puts a process into a group of its own, and has it killed when the thread that starts it ends, which is when we end.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// limitMemory bounds the address space of a process that has just been started, and of those that it starts from now on.
func limitMemory(pid int, bytes uint64) error {
	if bytes == 0 {
		return nil
	}
	err := unix.Prlimit(pid, unix.RLIMIT_AS, &unix.Rlimit{Cur: bytes, Max: bytes}, nil)
	if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended already
		return fmt.Errorf("limit the memory: %w", err)
	}
	return nil
}

// awaitEnd waits for the end of a process, and then kills what is left of its group. Until settle is called its number stays taken, so
// that the signal cannot reach a stranger.
func awaitEnd(cmd *exec.Cmd, settle func(wait func() error)) {
	pid := cmd.Process.Pid
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	settle(func() error {
		_ = syscall.Kill(-pid, syscall.SIGKILL) // there may be nobody left
		return cmd.Wait()
	})
}
