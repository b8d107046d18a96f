package uptime_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/internal/uptime/uptimetest"
)

func TestBuckets(t *testing.T) {
	target := prepare(t, 1, spec("a"))
	l := uptimetest.New(uptime.DefaultPolicy(), target)
	rnd := rand.New(rand.NewPCG(1, 2))
	var took []float64
	for _, at := range slots(target, 3000) {
		c := check(1, at, '.')
		c.Result.Fetch.ElapsedMS = math.Round(1000*math.Exp(rnd.NormFloat64()+3)) / 1000
		if at >= slots(target, 3000)[2999].Add(-24*time.Hour).Floor(time.Hour) {
			took = append(took, c.Result.Fetch.ElapsedMS)
		}
		require.NoError(t, l.Commit(c))
	}
	now := l.States[1].Last
	h := l.History(1)

	t.Run("are the same when they have been written and read", func(t *testing.T) {
		for _, b := range h.Hours {
			again, err := b.Row().Bucket()
			require.NoError(t, err)
			require.Equal(t, b.Row(), again.Row())
		}
	})
	t.Run("know quantiles within one percent", func(t *testing.T) {
		from := uptime.HistoryFrom(uptime.Hour, now)
		for start := range h.Hours {
			if start < from {
				delete(h.Hours, start)
			}
		}
		slices.Sort(took)
		q := h.Times()
		for _, row := range []struct{ got, of float64 }{{q.P50, 0.5}, {q.P95, 0.95}, {q.P99, 0.99}} {
			want := took[int(row.of*float64(len(took)-1))]
			require.InEpsilon(t, want, row.got, 0.011)
		}
	})
	t.Run("are small", func(t *testing.T) {
		row := h.Hours[begin.Add(40*time.Hour)].Row()
		require.Less(t, len(row.Minutes), 1100)
		require.Less(t, len(row.Times), 400)
	})
	t.Run("tell of minutes, hours and days", func(t *testing.T) {
		require.Len(t, uptime.MinuteSpans(h.Hours, now.Add(-3*time.Hour)), 180)
		require.Len(t, uptime.Spans(h.Hours, now.Add(-3*time.Hour)), 3)
		days := uptime.Spans(h.Days, 0)
		require.Len(t, days, 3)
		require.Equal(t, begin.Time(), days[0].Start)
		require.Equal(t, (24 * time.Hour).Milliseconds(), days[0].UpMS)
		require.NotZero(t, days[0].Times.P95)
	})
}

func TestUptimeOverDays(t *testing.T) {
	s := spec("a")
	s.IntervalMS, s.RecheckMS, s.Failures = time.Hour.Milliseconds(), 0, 1
	target := prepare(t, 1, s)
	l := uptimetest.New(uptime.DefaultPolicy(), target)
	// A year of success, but for every hour of the first of each month.
	var at uptime.Instant
	for _, at = range slots(target, 24*400) {
		o := '.'
		if at.Time().Day() == 1 {
			o = 'x'
		}
		require.NoError(t, l.Commit(check(1, at, o)))
	}
	now := at.Time() // the sixth of March
	require.Equal(t, "2027-03-06", now.Format(time.DateOnly))
	u := l.History(1).Uptime(at)
	require.InDelta(t, 1, *u.Day, 0)
	require.InDelta(t, 1-24./(7*24+float64(now.Hour())+1), *u.Week, 0.001)
	require.InDelta(t, 1-24./(30*24+float64(now.Hour())+1), *u.Month, 0.001)
	require.InDelta(t, 1-12*24./(365*24+float64(now.Hour())+1), *u.Year, 0.001)
}

func FuzzRow(f *testing.F) {
	b := uptime.NewBucket()
	f.Add(b.Row().Times, b.Row().Minutes)
	f.Add([]byte{20, 1, 4, 2}, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, times, minutes []byte) {
		b, err := uptime.Row{Times: times, Minutes: minutes}.Bucket()
		if err != nil {
			return
		}
		again, err := b.Row().Bucket()
		require.NoError(t, err)
		require.Equal(t, b.Row(), again.Row())
		uptime.History{Hours: map[uptime.Instant]*uptime.Bucket{begin: b}}.Times()
		require.NotNil(t, uptime.MinuteSpans(map[uptime.Instant]*uptime.Bucket{begin: b}, 0))
	})
}
