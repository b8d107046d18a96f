//go:build !linux

package programs

import (
	"os/exec"
	"syscall"
)

const canLimitMemory = false

// attributes puts a process into a group of its own. Should we be killed, it notices by the end of its input.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func limitMemory(int, uint64) error { return nil }

// awaitEnd waits for the end of a process, and then kills what is left of its group.
func awaitEnd(cmd *exec.Cmd, settle func(wait func() error)) {
	err := cmd.Wait()
	settle(func() error {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // there may be nobody left
		return err
	})
}
