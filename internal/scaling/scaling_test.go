package scaling

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBounds_Want(t *testing.T) {
	minute := Bounds{Least: 1, Most: 8, Within: time.Minute}
	for name, row := range map[string]struct {
		bounds Bounds
		demand Demand
		want   int
	}{
		"nothing to do":                             {minute, Demand{Capacity: 10, Replicas: 4}, 1},
		"nothing to do, and none is needed":         {Bounds{Most: 8, Within: time.Minute}, Demand{Capacity: 10}, 0},
		"one item wakes one":                        {Bounds{Most: 8, Within: time.Minute}, Demand{Pending: 1}, 1},
		"as much comes as one can do":               {minute, Demand{Arrival: 10, Capacity: 10, Replicas: 1}, 1},
		"a little more comes than one can do":       {minute, Demand{Arrival: 10.4, Capacity: 10, Replicas: 1}, 1},
		"more comes than two can do":                {minute, Demand{Arrival: 25, Capacity: 10, Replicas: 2}, 3},
		"what waits is worked off in a minute":      {minute, Demand{Pending: 2400, Capacity: 10, Replicas: 1}, 4},
		"what waits and what comes":                 {minute, Demand{Pending: 600, Arrival: 20, Capacity: 10, Replicas: 2}, 3},
		"never more than allowed":                   {minute, Demand{Pending: 1e6, Capacity: 1, Replicas: 1}, 8},
		"without a bound still no absurd number":    {Bounds{Within: time.Second}, Demand{Pending: math.MaxUint64 / 2, Capacity: 1e-9}, 1000},
		"those at work stay":                        {minute, Demand{InProgress: 40, Busy: 40, Places: 16, Capacity: 10, Replicas: 3}, 3},
		"what rests between attempts needs nobody":  {minute, Demand{InProgress: 10_000, Capacity: 10, Places: 16, Replicas: 1}, 1},
		"unknown pace, places left":                 {minute, Demand{Pending: 5, Busy: 1, Places: 16, Replicas: 2}, 2},
		"unknown pace, no place left":               {minute, Demand{Pending: 5, Busy: 32, Places: 16, Replicas: 2}, 3},
		"unknown pace, nobody there":                {minute, Demand{Pending: 5}, 1},
		"unknown pace, nothing to do":               {minute, Demand{Replicas: 5}, 1},
		"an arrival that is no number is not heard": {minute, Demand{Arrival: math.NaN(), Capacity: 1}, 1},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, row.want, row.bounds.Want(row.demand)) })
	}
}

func TestPolicy_Validate_joins_all_faults(t *testing.T) {
	require.NoError(t, Policy{Bounds: Bounds{Within: time.Second}}.Validate())
	err := Policy{Bounds: Bounds{Least: -1, Most: -2}, Settle: -1}.Validate()
	for _, fault := range []string{"negative", "fewer than at least", "not positive", "a time is negative"} {
		require.ErrorContains(t, err, fault)
	}
}

func TestRate(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	var r Rate
	r.Add(at(0), 100)
	require.Zero(t, r.PerSecond(), "one look is no rate")
	r.Add(at(0), 200)
	require.Zero(t, r.PerSecond(), "no time has passed")
	r.Add(at(2), 120)
	require.InDelta(t, 10, r.PerSecond(), 1e-9)
	for i := range 100 {
		r.Add(at(2+float64(i+1)), uint64(120+50*(i+1)))
	}
	require.InDelta(t, 50, r.PerSecond(), 0.1, "it comes to what has been lately")
	before := r.PerSecond()
	r.Add(at(200), 3)
	require.InDelta(t, before, r.PerSecond(), 0, "another counter tells nothing yet")
	r.Add(at(201), 53)
	require.InDelta(t, 50, r.PerSecond(), 0.1)
}

func TestArrival_is_what_is_done_where_hardly_anything_waits(t *testing.T) {
	require.InDelta(t, 20, Arrival(35, 20, 3), 0)
	require.InDelta(t, 35, Arrival(35, 20, 500), 0)
	require.InDelta(t, 35, Arrival(35, 0, 0), 0)
}

func TestPace(t *testing.T) {
	start := time.Unix(1000, 0)
	var p Pace
	require.Zero(t, p.Rate())
	require.Zero(t, p.Capacity())
	// Four of eight places are at work; items take 200 ms each, so that 20 end in a second.
	for i := range 30 {
		p.Add(Work{At: start.Add(time.Duration(i) * time.Second), Ended: uint64(20 * i), Busy: time.Duration(4*i) * time.Second, Limit: 8})
		require.LessOrEqual(t, len(p.seen), 12)
	}
	require.InDelta(t, 20, p.Rate(), 1e-9)
	require.InDelta(t, 40, p.Capacity(), 1e-9)
	// Then nothing comes any more: the rate falls, and what is known of items stays.
	for i := range 30 {
		p.Add(Work{At: start.Add(time.Duration(30+i) * time.Second), Ended: 580, Busy: 116 * time.Second, Limit: 16})
	}
	require.Zero(t, p.Rate())
	require.InDelta(t, 80, p.Capacity(), 1e-9)
}
