package governor

import (
	"bytes"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
)

const (
	// filesPerItem is how many open files an item is reckoned with: its own connection, and two that wait in the pool to be used again.
	filesPerItem = 3
	// reservedFiles is for everything else: the database, the broker with its streams, clients.
	reservedFiles = 512
	// assumedMemory is what a process is taken to have if the system does not tell.
	assumedMemory = 2 << 30
)

// openFiles is how many files items may have open. Go itself raises the soft limit to the hard one when a program starts.
func openFiles() int {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) != nil {
		return math.MaxInt32
	}
	return max(int(min(r.Cur, math.MaxInt32))-reservedFiles, int(r.Cur/2)) // of a low limit half
}

// memoryLimit is how many bytes the process may use: the least of GOMEMLIMIT, the limits of its control groups and the memory of the machine.
func memoryLimit() int64 {
	least := debug.SetMemoryLimit(-1) // asks, and changes nothing
	for _, file := range append(groupFiles(), "/proc/meminfo") {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if n, ok := parseMemory(data); ok {
			least = min(least, n)
		}
	}
	if least == math.MaxInt64 {
		return assumedMemory
	}
	return least
}

// groupFiles are the files that may have memory limits of control groups: those of the process's own group and all above it
// (docs.kernel.org/admin-guide/cgroup-v2.html), and of version 1, whose group is mounted there in a container.
func groupFiles() []string {
	files := []string{"/sys/fs/cgroup/memory/memory.limit_in_bytes"}
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return files
	}
	for line := range strings.Lines(string(data)) {
		group, unified := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !unified {
			continue
		}
		for group = path.Clean("/" + group); ; group = path.Dir(group) {
			files = append(files, path.Join("/sys/fs/cgroup", group, "memory.max"))
			if group == "/" {
				break
			}
		}
	}
	return files
}

// parseMemory reads a limit, which is a number of bytes or "max", or the line MemTotal of /proc/meminfo.
func parseMemory(data []byte) (limit int64, ok bool) {
	text, unit := strings.TrimSpace(string(data)), int64(1)
	if bytes.HasPrefix(data, []byte("MemTotal:")) {
		line, _, _ := strings.Cut(text, "\n")
		text, unit = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(line, "MemTotal:"), "kB")), 1<<10
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/unit {
		return 0, false
	}
	return n * unit, true
}
