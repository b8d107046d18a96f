package uptime_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/uptime"
)

func TestAgenda(t *testing.T) {
	never := func(int) uptime.Instant { return 0 }
	targets := twenty(t)
	agenda := func(from uptime.Instant) *uptime.Agenda {
		a := uptime.NewAgenda(from)
		a.Replace(targets, never)
		return a
	}

	// step counts what is due until an instant, asked for in time.
	step := func(a *uptime.Agenda, from, until uptime.Instant) (n int) {
		for now := from; now < until; {
			now = min(until, now.Add(uptime.Grace))
			n += len(a.Due(now))
		}
		return n
	}

	t.Run("has each check once, whenever it is asked", func(t *testing.T) {
		a, seen := agenda(begin), map[uint32][]uptime.Instant{}
		for now := begin; now < begin.Add(10*time.Minute); now = now.Add(1700 * time.Millisecond) {
			for _, d := range a.Due(now) {
				require.LessOrEqual(t, d.At, now)
				require.False(t, d.Recheck)
				seen[d.Num] = append(seen[d.Num], d.At)
			}
			require.Greater(t, a.Next(now.Add(time.Hour)), now)
		}
		for _, target := range targets {
			require.GreaterOrEqual(t, len(seen[target.Num]), 9)
			require.Equal(t, slots(target, len(seen[target.Num])), seen[target.Num])
		}
		require.Zero(t, a.Skipped())
	})
	t.Run("skips what is too late, and nothing else", func(t *testing.T) {
		a := agenda(begin)
		late := begin.Add(10 * time.Minute)
		n := 0
		for _, d := range a.Due(late) {
			require.LessOrEqual(t, late.Sub(d.At), uptime.Grace)
			n++
		}
		require.Equal(t, 20*10, n+a.Skipped())
		require.Equal(t, 20, step(a, late, late.Add(time.Minute)), "it goes on as before")
	})
	t.Run("makes up for a short absence, but not for what was done", func(t *testing.T) {
		now := targets[0].Next(begin).Add(5 * time.Second)
		a := uptime.NewAgenda(now.Add(-uptime.Grace))
		a.Replace(targets[:1], never)
		require.Len(t, a.Due(now), 1)
		a = uptime.NewAgenda(now.Add(-uptime.Grace))
		a.Replace(targets[:1], func(int) uptime.Instant { return targets[0].Next(begin) })
		require.Empty(t, a.Due(now))
	})
	t.Run("goes on when its targets are replaced", func(t *testing.T) {
		a := agenda(begin)
		half := begin.Add(30 * time.Second)
		n := step(a, begin, half)
		a.Replace(targets[:10], never)
		a.Replace(targets, never)
		require.Equal(t, 20, n+step(a, half, begin.Add(time.Minute)), "nothing twice, nothing lost")
		a.Replace(nil, never)
		require.Empty(t, a.Due(begin.Add(time.Hour)))
	})
	t.Run("has each recheck once", func(t *testing.T) {
		a := uptime.NewAgenda(begin)
		a.Replace(targets[:1], never)
		at := targets[0].Next(begin).Add(time.Second)
		a.Due(at - 1)
		a.Recheck(1, at)
		a.Recheck(99, at) // of a target that is gone
		require.Equal(t, at, a.Next(at.Add(time.Hour)))
		require.Equal(t, []uptime.Due{{Target: targets[0], At: at, Recheck: true}}, a.Due(at))
		a.Recheck(1, at)
		require.Empty(t, a.Due(at.Add(time.Second)))
		a.Recheck(1, at.Add(2*time.Second))
		require.Len(t, a.Due(at.Add(2*time.Second)), 1)
		a.Recheck(1, at.Add(3*time.Second))
		require.Empty(t, a.Due(at.Add(30*time.Second)), "too late")
	})
}
