package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// TestAutoscale is about load that raises the number of fetchers or crunchers and its end that lowers it: every item ends once.
func TestAutoscale(t *testing.T) {
	t.Run("fetchers", func(t *testing.T) {
		followsLoad(t, events.StageFetch, "fetcher", []string{"--fetchers", "4", "--max-fetchers", "3"}, "sleep", "0.2", 1500) // a minute for one
	})
	t.Run("crunchers", func(t *testing.T) {
		programs := filepath.Join(t.TempDir(), "programs.yaml") // one that needs no CPU, so that it is no matter how many there are
		require.NoError(t, os.WriteFile(programs, []byte(`
wait:
  command: [sh, -c, 'while read -r line; do id=${line#*:}; sleep 0.2; echo "{\"id\":${id%%,*},\"value\":1}"; done']
`), 0o600))
		flags := []string{"--crunchers", "1", "--max-crunchers", "3", "--programs", programs}
		followsLoad(t, events.StageCrunch, "cruncher", flags, "exec", `{"input":1,"program":"wait"}`, 300) // a minute for one
	})
}

// followsLoad checks that a stage has three instances under a load of n items, and one afterwards.
func followsLoad(t *testing.T, stage events.Stage, service string, flags []string, recipe, item string, n int) {
	t.Helper()
	m := up(t, t.TempDir(), slices.Concat([]string{"--autoscale", "--autoscale-within", "5s", "--autoscale-rest", "3s"}, flags, local)...)
	instances := func() int { return m.wanted(t, stage).Replicas }
	require.Eventually(t, func() bool { return instances() == 1 }, patience, tick)

	m.ok(t, "submit", recipe, "-f", repeated(t, n, item), "--batch", "load")
	m.process.Find(`"service":"` + service + `","instances":(3)`)
	require.Eventually(t, func() bool { return len(m.replicas()) >= 2 }, patience, tick)

	b := m.batch(t, "load")
	require.EqualValues(t, n, b.OK)
	require.Eventually(t, func() bool { return instances() == 1 }, patience, tick, "the end of the load does not lower the number")
	m.process.Find(`replica (stopped)`)
	m.idle(t)
	seen := map[string]bool{}
	for _, r := range m.results(t, events.ResultQuery{Batch: "load"}) {
		require.Equal(t, events.StatusOK, r.Status)
		require.Equal(t, 1, r.Attempts)
		require.False(t, seen[r.ID], "an item has two results")
		seen[r.ID] = true
	}
	require.Len(t, seen, n)

	m.process.Signal(syscall.SIGTERM)
	require.Zero(t, m.process.Wait())
	for _, pid := range m.replicas() {
		require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "a replica has outlived what started it")
	}
	require.NotContains(t, m.process.Stderr(), "replica failed")
}

// TestAutoscale_when_its_process_is_killed is about replicas that nobody can stop any more.
func TestAutoscale_when_its_process_is_killed(t *testing.T) {
	dir := t.TempDir()
	args := append([]string{"--autoscale", "--fetchers", "4", "--min-fetchers", "3", "--max-fetchers", "3"}, local...)
	m := up(t, dir, args...)
	require.Eventually(t, func() bool { return m.fetchers(t) == 3 }, patience, tick)
	const n = 300
	m.ok(t, "submit", "sleep", "-f", repeated(t, n, "0.1"), "--batch", "cut")
	require.Eventually(t, func() bool { return m.ended(t, "cut") > 0 }, patience, tick)
	pids := m.replicas()
	require.Len(t, pids, 2)
	m.process.Kill()
	require.Eventually(t, func() bool {
		for _, pid := range pids {
			if syscall.Kill(pid, 0) == nil {
				return false
			}
		}
		return true
	}, patience, tick, "a replica has outlived what started it")

	m = up(t, dir, args...)
	require.EqualValues(t, n, m.batch(t, "cut").OK)
	m.idle(t)
	require.Len(t, m.results(t, events.ResultQuery{Batch: "cut"}), n)
}

func TestAutoscale_refuses_what_makes_no_sense(t *testing.T) {
	for flags, tell := range map[string]string{
		"--max-fetchers 0":                    "at least one is there always",
		"--min-fetchers 5":                    "fewer than at least 5",
		"--autoscale-within 0s":               "not positive",
		"--min-crunchers 3 --max-crunchers 2": "fewer than at least 3",
	} {
		r := (&mill{}).run(t, append([]string{"up", "--autoscale", "--data", t.TempDir()}, strings.Fields(flags)...)...)
		require.Equal(t, 1, r.status, flags)
		require.Contains(t, r.stderr, tell, flags)
	}
}

// fetchers counts those that answer.
func (m *mill) fetchers(t *testing.T) (n int) {
	t.Helper()
	return m.wanted(t, events.StageFetch).Replicas
}

func (m *mill) wanted(t *testing.T, stage events.Stage) client.StageScaling {
	t.Helper()
	status, err := m.client.Status(t.Context())
	require.NoError(t, err)
	for _, s := range status.Scaling {
		if s.Stage == stage {
			return s
		}
	}
	require.Fail(t, "no such stage", stage)
	return client.StageScaling{}
}

// replicas are the processes that the mill tells to have started.
func (m *mill) replicas() (pids []int) {
	for _, line := range regexp.MustCompile(`"replica started".*"pid":(\d+)`).FindAllStringSubmatch(m.process.Stderr(), -1) {
		pid, _ := strconv.Atoi(line[1]) // the expression allows numbers only
		pids = append(pids, pid)
	}
	return pids
}

// repeated is a file with n times the same item.
func repeated(t *testing.T, n int, item string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "items")
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat(item+"\n", n)), 0o600))
	return file
}

// ended is how many items of a batch have a result.
func (m *mill) ended(t *testing.T, id string) int64 {
	t.Helper()
	b, err := m.client.Batch(t.Context(), id)
	if errors.Is(err, client.ErrNoBatch) { // the sink has not heard of it yet
		return 0
	}
	require.NoError(t, err)
	return b.Ended()
}
