package scaling

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// world is a stage with so many replicas, on a clock of its own.
type world struct {
	planner  *Planner
	now      time.Time
	replicas int
}

func newWorld(p Policy) *world {
	return &world{planner: NewPlanner(p), now: time.Unix(1000, 0), replicas: max(1, p.Least)}
}

// look is one look, a second after the one before.
func (w *world) look(d Demand) int {
	w.now = w.now.Add(time.Second)
	d.Replicas = w.replicas
	w.replicas = w.planner.Next(w.now, d)
	return w.replicas
}

func policy() Policy {
	return Policy{Bounds: Bounds{Least: 1, Most: 16, Within: time.Minute}, Settle: 5 * time.Second, Rest: 20 * time.Second}
}

func TestPlanner(t *testing.T) {
	t.Run("rises at once, to twice as many at a time, and waits in between", func(t *testing.T) {
		w, flood := newWorld(policy()), Demand{Arrival: 120, Capacity: 10}
		require.Equal(t, 2, w.look(flood))
		for range 4 {
			require.Equal(t, 2, w.look(flood))
		}
		require.Equal(t, 4, w.look(flood))
	})
	t.Run("falls when fewer were enough for all of the rest, and at once to the most of that time", func(t *testing.T) {
		w := newWorld(policy())
		for range 60 {
			w.look(Demand{Arrival: 80, Capacity: 10})
		}
		require.Equal(t, 8, w.replicas)
		for range 19 {
			require.Equal(t, 8, w.look(Demand{Arrival: 20, Capacity: 10}))
		}
		require.Equal(t, 8, w.look(Demand{Arrival: 50, Capacity: 10}))
		for range 19 {
			w.look(Demand{Arrival: 20, Capacity: 10})
		}
		require.Equal(t, 5, w.replicas)
		for range 2 {
			w.look(Demand{Arrival: 20, Capacity: 10})
		}
		require.Equal(t, 2, w.replicas)
	})
	t.Run("does not fall before it has looked for a while", func(t *testing.T) {
		w := newWorld(policy())
		w.replicas = 6
		for range 20 {
			require.Equal(t, 6, w.look(Demand{Capacity: 10}))
		}
		require.Equal(t, 1, w.look(Demand{Capacity: 10}))
	})
	t.Run("a demand that comes and goes changes nothing", func(t *testing.T) {
		w := newWorld(policy())
		for range 30 {
			w.look(Demand{Arrival: 60, Capacity: 10})
		}
		for i := range 200 {
			busy := Demand{Arrival: 60, Capacity: 10}
			if i%10 != 0 {
				busy.Arrival = 0
			}
			require.Equal(t, 6, w.look(busy))
		}
	})
	t.Run("starts from none", func(t *testing.T) {
		p := policy()
		p.Least = 0
		w := newWorld(p)
		w.replicas = 0
		require.Equal(t, 0, w.look(Demand{}))
		require.Equal(t, 1, w.look(Demand{Pending: 1}))
	})
	t.Run("corrects a number outside the bounds", func(t *testing.T) {
		w := newWorld(policy())
		w.replicas = 40
		require.Equal(t, 16, w.look(Demand{Arrival: 400, Capacity: 10}))
	})
}

// TestPlanner_properties follows random demands.
func TestPlanner_properties(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		p := Policy{
			Bounds: Bounds{Least: r.IntN(3), Within: time.Duration(1+r.IntN(120)) * time.Second},
			Settle: time.Duration(r.IntN(20)) * time.Second, Rest: time.Duration(1+r.IntN(60)) * time.Second,
		}
		p.Most = p.Least + 1 + r.IntN(20)
		require.NoError(t, p.Validate())
		w := newWorld(p)
		type look struct {
			at      time.Time
			n, want int
		}
		looks := []look{{w.now, w.replicas, 0}}
		var rose time.Time
		for range 300 {
			d := Demand{Pending: uint64(r.IntN(5000)), Arrival: 200 * r.Float64(), Capacity: 20 * r.Float64(), Busy: r.IntN(64), Places: r.IntN(32)}
			if r.IntN(3) == 0 {
				d = Demand{}
			}
			before := w.replicas
			d.Replicas = before
			want := p.Want(d)
			n := w.look(d)
			looks = append(looks, look{w.now, n, want})
			require.GreaterOrEqual(t, n, p.Least)
			require.LessOrEqual(t, n, p.Most)
			switch {
			case n > before:
				require.LessOrEqual(t, n, want)
				require.LessOrEqual(t, n, max(2*before, 1, p.Least))
				require.True(t, rose.IsZero() || w.now.Sub(rose) >= p.Settle)
				rose = w.now
			case n < before:
				rose = w.now
				for _, l := range looks[1:] {
					if w.now.Sub(l.at) < p.Rest {
						require.LessOrEqual(t, l.want, n, "seed %d: fewer than were wanted in the last %s", seed, p.Rest)
					}
				}
			}
		}
		// Whatever was, a demand that stays leads to what it wants, and there it stays.
		steady := Demand{Arrival: 70, Capacity: 10}
		for range 400 {
			w.look(steady)
		}
		for range 50 {
			require.Equal(t, p.Want(steady), w.look(steady), "seed %d", seed)
		}
	}
}
