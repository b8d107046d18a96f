package governor

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// world is what workers meet: how many items per second so many of them do in the long run, and what that costs.
type world struct {
	residence time.Duration // of an item with few workers
	most      float64       // items per second, whoever or whatever sets that bound
	cheaper   float64       // workers at which half of most is reached, as work for many is cheaper; 0 if it is not
	cpu       bool          // whether it is this machine's CPU that sets the bound
	demand    float64       // items per second that there are to do; 0 is any number
	noise     float64       // relative standard deviation of the throughput of a tick
	resumed   float64       // workers beyond the limit, as parked ones go on, as a share of it
	step      step          // what else is seen
}

// throughput is what n workers do.
func (w world) throughput(n float64) (perSecond float64, full bool) {
	rate := min(w.most, n/w.residence.Seconds())
	if w.cheaper > 0 {
		rate = min(rate, w.most*n/(n+w.cheaper))
	}
	if w.demand > 0 && w.demand < rate {
		return w.demand, false
	}
	return rate, true
}

// life is a governed stage in that world.
type life struct {
	climber *climber
	limit   int
	settled float64 // workers whose number has made itself felt
	carry   float64 // of an item
	random  *rand.Rand
	sum     float64 // items done
	took    time.Duration
	least   int
	highest int
}

func newLife(cfg Config) *life {
	c := newClimber(cfg.withDefaults())
	return &life{climber: c, limit: c.limit, random: rand.New(rand.NewPCG(1, 2))}
}

// live lets time pass, and returns the items per second of the last third of it.
func (l *life) live(w world, d time.Duration) float64 {
	const tick = 100 * time.Millisecond
	l.sum, l.took, l.least, l.highest = 0, 0, math.MaxInt, 0
	for now := time.Duration(0); now < d; now += tick {
		inside, _ := w.throughput(float64(l.limit))
		stay := max(tick.Seconds(), float64(l.limit)/max(inside, 1))
		l.settled += (float64(l.limit) - l.settled) * min(1, 2*tick.Seconds()/stay)
		rate, full := w.throughput(l.settled * (1 + w.resumed))
		rate = max(0, rate*(1+w.noise*l.random.NormFloat64()))
		s := w.step
		s.elapsed = tick
		l.carry += rate * tick.Seconds()
		s.done = uint64(l.carry)
		l.carry -= float64(s.done)
		if full {
			s.full = tick
			s.busy = time.Duration(float64(l.limit) * (1 + w.resumed) * float64(tick))
		} else {
			s.busy = time.Duration(rate * w.residence.Seconds() * float64(tick))
		}
		if w.cpu {
			s.cpu = tick
			s.latency = 5 * time.Millisecond
		} else {
			s.cpu = tick / 4
		}
		if s.room == 0 {
			s.room = math.MaxInt32
		}
		l.limit, _ = l.climber.next(s)
		l.least, l.highest = min(l.least, l.limit), max(l.highest, l.limit)
		if now >= d*2/3 {
			l.sum += rate * tick.Seconds()
			l.took += tick
		}
	}
	return l.sum / l.took.Seconds()
}

const unlimited = 1 << 14

func TestClimber(t *testing.T) {
	for _, noise := range []float64{0, 0.2} {
		t.Run("grows within seconds to what a slow server can bear", func(t *testing.T) {
			l := newLife(Config{Most: unlimited})
			rate := l.live(world{residence: 500 * time.Millisecond, most: 5000, noise: noise}, 30*time.Second)
			require.Greater(t, rate, 4000.0)
			require.LessOrEqual(t, l.limit, 4*2500, "little more than is needed")
		})

		t.Run("grows as long as there is room where nothing sets a bound", func(t *testing.T) {
			l := newLife(Config{Most: unlimited})
			l.live(world{residence: 2 * time.Second, most: 1e9, noise: noise}, time.Minute)
			require.Equal(t, unlimited, l.limit)
		})

		t.Run("does not grow far where a fast server or the CPU sets the bound", func(t *testing.T) {
			for _, cpu := range []bool{false, true} {
				l := newLife(Config{Most: unlimited})
				rate := l.live(world{residence: 5 * time.Millisecond, most: 3000, cpu: cpu, noise: noise}, 2*time.Minute)
				require.Greater(t, rate, 0.9*3000)
				require.LessOrEqual(t, l.highest, 512)
			}
		})

		t.Run("finds what is nearly the best where work for many is cheaper and only the CPU sets the bound", func(t *testing.T) {
			l := newLife(Config{Most: unlimited})
			rate := l.live(world{residence: time.Millisecond, most: 5000, cheaper: 150, cpu: true, noise: noise}, 3*time.Minute)
			require.Greater(t, rate, 0.8*5000)
			require.Less(t, l.limit, 4096)
		})

		t.Run("does not back off because hosts have become slow", func(t *testing.T) {
			l := newLife(Config{Most: unlimited})
			l.live(world{residence: 100 * time.Millisecond, most: 1e9, noise: noise}, 8*time.Second)
			before := l.limit
			l.live(world{residence: 3 * time.Second, most: 1e9, noise: noise}, 20*time.Second)
			require.GreaterOrEqual(t, float64(l.least), shrinkage*float64(before), "a trial, at most")
		})

		t.Run("gives back what is no longer of use", func(t *testing.T) {
			l := newLife(Config{Most: unlimited})
			l.live(world{residence: time.Second, most: 1e9}, 20*time.Second)
			before := l.limit
			rate := l.live(world{residence: 10 * time.Millisecond, most: 2000, noise: noise}, 10*time.Minute)
			require.Less(t, l.limit, before/4)
			require.Greater(t, rate, 0.8*2000)
		})
	}

	t.Run("grows where answers take so long that none has come yet", func(t *testing.T) {
		l := newLife(Config{Most: 1000})
		l.live(world{residence: time.Hour, most: 1e9}, 3*time.Minute)
		require.Equal(t, 1000, l.limit)
	})

	t.Run("is not misled by parked items that all go on at the same time", func(t *testing.T) {
		l := newLife(Config{Most: unlimited})
		w := world{residence: 500 * time.Millisecond, most: 5000, resumed: 5}
		l.live(w, 800*time.Millisecond)
		w.resumed = 0
		l.live(w, 12*time.Second)
		require.Greater(t, l.limit, 1000)
	})

	t.Run("does not grow for items that only come again", func(t *testing.T) {
		l := newLife(Config{Most: unlimited})
		l.live(world{residence: 10 * time.Millisecond, most: 0, step: step{again: 100}}, time.Minute)
		require.LessOrEqual(t, l.highest, 128)
	})

	t.Run("learns nothing while there is not enough to do", func(t *testing.T) {
		l := newLife(Config{Most: unlimited})
		l.live(world{residence: 100 * time.Millisecond, most: 1e9, demand: 50}, time.Minute)
		require.Equal(t, []int{64, 64}, []int{l.least, l.highest})
		l.live(world{residence: 100 * time.Millisecond, most: 1e9}, 10*time.Second)
		require.Greater(t, l.limit, 1000, "and grows as fast as at first when there is")
	})

	t.Run("backs off at once when this machine is short of something, and not below the least", func(t *testing.T) {
		l := newLife(Config{Most: unlimited})
		w := world{residence: time.Second, most: 1e9}
		l.live(w, 20*time.Second)
		before := l.limit
		w.step = step{short: true}
		l.live(w, 100*time.Millisecond)
		require.Equal(t, int(float64(before)*backOff), l.limit)
		w.step = step{}
		l.live(w, longestRest-time.Second)
		require.Less(t, l.highest, before, "and waits before it tries more again")
		w.step = step{short: true}
		l.live(w, 10*time.Second)
		require.Equal(t, defaultLeast, l.limit)
	})

	t.Run("keeps within the memory", func(t *testing.T) {
		l := newLife(Config{Most: unlimited})
		w := world{residence: time.Second, most: 1e9, step: step{room: 3000}}
		l.live(w, time.Minute)
		require.Equal(t, 3000, l.highest)
		w.step.room = 700
		l.live(w, 100*time.Millisecond)
		require.Equal(t, 700, l.limit)
		w.step.room = -5
		l.live(w, 100*time.Millisecond)
		require.Equal(t, defaultLeast, l.limit)
	})

	t.Run("backs off when everything waits for a CPU, but not because it waited once", func(t *testing.T) {
		l := newLife(Config{Most: unlimited})
		w := world{residence: time.Second, most: 1e9}
		l.live(w, 20*time.Second)
		before := l.limit
		w.step = step{latency: time.Second}
		l.live(w, 200*time.Millisecond)
		require.Equal(t, before, l.limit)
		l.live(w, 2*time.Second)
		require.Less(t, l.limit, before/4)
	})

	t.Run("tries fewer and none more when a CPU is hard to get, and keeps what does no harm", func(t *testing.T) {
		l := newLife(Config{First: 4000, Most: unlimited})
		rate := l.live(world{residence: time.Millisecond, most: 3000, step: step{latency: 200 * time.Millisecond}}, 2*time.Minute)
		require.Equal(t, 4000, max(4000, l.highest))
		require.Less(t, l.limit, 200)
		require.Greater(t, rate, 2800.0)
	})
}
