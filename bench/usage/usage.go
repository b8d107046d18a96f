// Package usage tells how much CPU time and memory processes use.
package usage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrLinuxOnly means that only Linux tells what was asked.
var ErrLinuxOnly = errors.New("this is read from /proc, which only Linux has: run it on Linux, or in a Linux container")

// clockTick is the unit of /proc/PID/stat. Linux shows programs 100 per second, whatever the kernel's own clock is (proc(5), times(2)).
const clockTick = 10 * time.Millisecond

// CPU is the time that this process has computed so far, user and system.
func CPU() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0 // it fails only for a wrong argument
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// ResetPeak forgets the peak of this process's memory, where the system can (Linux).
func ResetPeak() {
	debug.FreeOSMemory()                                      // what was used before is no part of it
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // elsewhere the peak is that of the whole life
}

// Peak is the most memory in bytes that this process has had resident since ResetPeak.
func Peak() int64 {
	if m, err := ReadMemory(os.Getpid()); err == nil {
		return m.Peak
	}
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return r.Maxrss
	}
	return r.Maxrss << 10
}

// Memory is what a process has resident, in bytes.
type Memory struct{ Now, Peak int64 }

// ReadMemory reads the memory of a process. Its error is ErrLinuxOnly elsewhere than on Linux.
func ReadMemory(pid int) (Memory, error) {
	data, err := read(pid, "status")
	if err != nil {
		return Memory{}, err
	}
	return parseStatus(data)
}

// parseStatus reads the lines VmRSS and VmHWM, such as "VmRSS:	   12345 kB".
func parseStatus(data []byte) (m Memory, err error) {
	for line := range strings.Lines(string(data)) {
		name, rest, _ := strings.Cut(line, ":")
		var field *int64
		switch name {
		case "VmRSS":
			field = &m.Now
		case "VmHWM":
			field = &m.Peak
		default:
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		if err != nil {
			return m, fmt.Errorf("read %s: %w", name, err)
		}
		*field = kib << 10
	}
	if m.Now == 0 {
		return m, errors.New("the process has no memory any more: it has ended")
	}
	return m, nil
}

// ReadCPU reads the time that a process has computed so far, user and system, in steps of 10 ms. Its error is ErrLinuxOnly
// elsewhere than on Linux.
func ReadCPU(pid int) (time.Duration, error) {
	data, err := read(pid, "stat")
	if err != nil {
		return 0, err
	}
	return parseStat(data)
}

// parseStat reads the 14th and 15th field of the line. The second is the program's name in parentheses, which may hold anything.
func parseStat(data []byte) (time.Duration, error) {
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("read CPU time: only %d fields", len(fields))
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read CPU time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

func read(pid int, file string) ([]byte, error) {
	if runtime.GOOS != "linux" {
		return nil, ErrLinuxOnly
	}
	return os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
}
