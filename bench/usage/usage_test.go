package usage

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCPUGrowsWithWork(t *testing.T) {
	before := CPU()
	require.Eventually(t, func() bool {
		for i := range 1_000_000 {
			_ = i * i
		}
		return CPU() > before
	}, 10*time.Second, time.Millisecond)
}

func TestProcFiles(t *testing.T) {
	cpu, err := parseStat([]byte("42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0\n"))
	require.NoError(t, err)
	require.Equal(t, 2*time.Second, cpu)
	_, err = parseStat([]byte("42 (x) S 1 2"))
	require.Error(t, err)
	_, err = parseStat([]byte("42 (x) S 1 2 3 4 5 6 7 8 9 10 a b"))
	require.Error(t, err)

	m, err := parseStatus([]byte("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n"))
	require.NoError(t, err)
	require.Equal(t, Memory{Now: 1 << 20, Peak: 2 << 20}, m)
	_, err = parseStatus([]byte("Name:\tx\n"))
	require.ErrorContains(t, err, "ended")
	_, err = parseStatus([]byte("VmRSS:\tmuch\n"))
	require.Error(t, err)
}

func TestPeakIsAtLeastWhatIsThereNow(t *testing.T) {
	ResetPeak()
	require.Positive(t, Peak())
	if m, err := ReadMemory(os.Getpid()); err == nil { // on Linux
		require.GreaterOrEqual(t, m.Peak, m.Now)
		cpu, err := ReadCPU(os.Getpid())
		require.NoError(t, err)
		require.LessOrEqual(t, cpu, CPU()+2*clockTick)
	} else {
		require.ErrorIs(t, err, ErrLinuxOnly)
	}
}
