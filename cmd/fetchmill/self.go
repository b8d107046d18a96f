package main

import (
	"os"
	"runtime"
)

// selfPath is where this very program is, even if its file has been replaced meanwhile, where the system can tell.
func selfPath() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}
