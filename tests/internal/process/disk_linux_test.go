package process_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/tests/internal/process"
)

func TestDisk(t *testing.T) {
	if !process.Apart(t) {
		return
	}
	d := process.NewDisk(t, 1<<20)
	file := filepath.Join(d.Dir, "file")
	require.NoError(t, os.WriteFile(file, make([]byte, 100<<10), 0o600))
	d.Fill()
	require.ErrorIs(t, os.WriteFile(file+"2", []byte("a"), 0o600), syscall.ENOSPC)
	require.NoError(t, os.Truncate(file, 0))
	require.Eventually(t, func() bool { return os.WriteFile(file+"3", []byte("a"), 0o600) != nil }, process.Patience, 1, "what is given back is taken")
	d.Free()
	require.NoError(t, os.WriteFile(file+"4", make([]byte, 900<<10), 0o600))
}
