package quota

import (
	"bytes"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// assumedMemory is what a process is taken to have if the system does not tell.
const assumedMemory = 2 << 30

// Memory is how many bytes the process may use: the least of GOMEMLIMIT, the limits of its control groups and the memory of the machine.
func Memory() int64 {
	least := debug.SetMemoryLimit(-1) // asks, and changes nothing
	files := []string{"/proc/meminfo"}
	for _, folder := range groups("memory") {
		files = append(files, path.Join(folder, "memory.max"), path.Join(folder, "memory.limit_in_bytes"))
	}
	for _, file := range files {
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
