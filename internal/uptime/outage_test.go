package uptime_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/internal/uptime/uptimetest"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// simulate looks at all targets when they are due, and between as the ledger asks for, one after the other.
func simulate(t *testing.T, l *uptimetest.Ledger, from, until uptime.Instant, answers func(*uptime.Target, uptime.Instant) bool) {
	t.Helper()
	next := map[uint32]uptime.Instant{}
	for num, target := range l.Targets {
		next[num] = target.Next(from)
	}
	for {
		var due *uptime.Target
		var at uptime.Instant
		recheck := false
		for num, target := range l.Targets {
			if due == nil || next[num] < at {
				due, at, recheck = target, next[num], false
			}
			if r := l.States[num].Recheck; r != 0 && r < at {
				due, at, recheck = target, r, true
			}
		}
		if at >= until {
			return
		}
		outcome := map[[2]bool]rune{{true, false}: '.', {true, true}: ',', {false, false}: 'x', {false, true}: 'X'}[[2]bool{answers(due, at), recheck}]
		if !recheck {
			next[due.Num] = due.Next(at)
		}
		require.NoError(t, l.Commit(check(due.Num, at, outcome)))
	}
}

func kinds(t *testing.T, l *uptimetest.Ledger) map[events.NoticeKind]int {
	t.Helper()
	n := map[events.NoticeKind]int{}
	for _, m := range l.Messages {
		if m.Type == events.TypeNotice {
			notice, err := events.DecodeNotice(m.Data)
			require.NoError(t, err)
			n[notice.Kind]++
		}
	}
	return n
}

func TestOutageOfOurOwn(t *testing.T) {
	hour := begin.Add(time.Hour)
	fails := func(from, until uptime.Instant) func(*uptime.Target, uptime.Instant) bool {
		return func(_ *uptime.Target, at uptime.Instant) bool { return at < from || at >= until }
	}
	ten, later := begin.Add(10*time.Minute), begin.Add(20*time.Minute)
	once := map[events.NoticeKind]int{events.NoticeOutage: 1, events.NoticeOutageOver: 1}

	for name, change := range map[string]func(*events.Target){
		"is told once instead of each target":     func(*events.Target) {},
		"is known with one failure too":           func(s *events.Target) { s.Failures = 1 },
		"is known without checks between":         func(s *events.Target) { s.RecheckMS = 0 },
		"is known from few targets that are slow": func(s *events.Target) { s.IntervalMS = 300_000 },
		"is known with many failures":             func(s *events.Target) { s.Failures = 7 },
	} {
		t.Run(name, func(t *testing.T) {
			var targets []*uptime.Target
			for i, target := range twenty(t) {
				if name == "is known from few targets that are slow" && i >= 6 {
					break
				}
				s := target.Target
				change(&s)
				targets = append(targets, prepare(t, target.Num, s))
			}
			l := uptimetest.New(uptime.DefaultPolicy(), targets...)
			l.Channels = []string{"ops"}
			simulate(t, l, begin, hour, fails(ten, later))
			require.Equal(t, once, kinds(t, l))
			require.Empty(t, l.Incidents)
			require.Len(t, l.Outages, 1)
			o := l.Outages[0]
			require.GreaterOrEqual(t, o.Since, ten)
			require.Less(t, o.Since, ten.Add(targets[0].Interval()))
			require.GreaterOrEqual(t, o.Until, later)
			require.Less(t, o.Until, later.Add(5*time.Minute))
			var lost int64
			for _, target := range targets {
				require.Equal(t, events.TargetUp, l.States[target.Num].Phase)
				lost += l.History(target.Num).Days[begin].Row().Down
			}
			require.LessOrEqual(t, lost, targets[0].IntervalMS, "but for what came before it was clear")
		})
	}

	t.Run("is not seen where one site fails", func(t *testing.T) {
		l := uptimetest.New(uptime.DefaultPolicy(), twenty(t)...)
		simulate(t, l, begin, hour, func(target *uptime.Target, at uptime.Instant) bool { return target.Num > 1 || at < ten || at >= later })
		require.Equal(t, map[events.NoticeKind]int{events.NoticeDown: 1, events.NoticeResolved: 1}, kinds(t, l))
		require.Empty(t, l.Outages)
		require.LessOrEqual(t, l.States[1].Down.Since, ten.Add(time.Minute))
	})
	t.Run("is not seen where half of the sites fail", func(t *testing.T) {
		l := uptimetest.New(uptime.DefaultPolicy(), twenty(t)...)
		simulate(t, l, begin, hour, func(target *uptime.Target, at uptime.Instant) bool {
			return target.Num%2 > 0 || at < ten || at >= later
		})
		require.Equal(t, map[events.NoticeKind]int{events.NoticeDown: 10, events.NoticeResolved: 10}, kinds(t, l))
	})
	t.Run("is not seen where all targets are of one site", func(t *testing.T) {
		var targets []*uptime.Target
		for i, target := range twenty(t) {
			s := target.Target
			s.Params = []byte(`{"url":"https://example.com/` + s.Name + `"}`)
			targets = append(targets, prepare(t, uint32(i+1), s))
		}
		l := uptimetest.New(uptime.DefaultPolicy(), targets...)
		simulate(t, l, begin, hour, fails(ten, later))
		require.Equal(t, map[events.NoticeKind]int{events.NoticeDown: 20, events.NoticeResolved: 20}, kinds(t, l))
	})
	t.Run("is never seen if the operator says so", func(t *testing.T) {
		p := uptime.DefaultPolicy()
		p.Share = 0
		l := uptimetest.New(p, twenty(t)...)
		simulate(t, l, begin, hour, fails(ten, later))
		require.Equal(t, map[events.NoticeKind]int{events.NoticeDown: 20, events.NoticeResolved: 20}, kinds(t, l))
	})
	t.Run("lasts although a neighbour answers", func(t *testing.T) {
		l := uptimetest.New(uptime.DefaultPolicy(), twenty(t)...)
		l.Channels = []string{"ops", "boss"}
		all := fails(ten, later)
		simulate(t, l, begin, hour, func(target *uptime.Target, at uptime.Instant) bool { return target.Num == 7 || all(target, at) })
		require.Equal(t, map[events.NoticeKind]int{events.NoticeOutage: 2, events.NoticeOutageOver: 2}, kinds(t, l), "one for each channel")
	})
	t.Run("does not hide what is down after it", func(t *testing.T) {
		l := uptimetest.New(uptime.DefaultPolicy(), twenty(t)...)
		l.Policy.Channels = []string{"admins"}
		all := fails(ten, later)
		simulate(t, l, begin, hour, func(target *uptime.Target, at uptime.Instant) bool {
			return all(target, at) && (target.Num != 3 || at < ten)
		})
		require.Equal(t, map[events.NoticeKind]int{events.NoticeOutage: 1, events.NoticeOutageOver: 1, events.NoticeDown: 1}, kinds(t, l))
		require.GreaterOrEqual(t, l.States[3].Since, l.Outages[0].Until)
	})
	t.Run("leaves alone what was down before it", func(t *testing.T) {
		l := uptimetest.New(uptime.DefaultPolicy(), twenty(t)...)
		all := fails(ten, later)
		simulate(t, l, begin, hour, func(target *uptime.Target, at uptime.Instant) bool { return all(target, at) && target.Num != 3 })
		require.Equal(t, map[events.NoticeKind]int{events.NoticeDown: 1}, kinds(t, l), "nobody is to be told of the outage here")
		require.Len(t, l.Outages, 1)
		require.Len(t, l.Incidents, 1)
		require.EqualValues(t, 0, l.History(3).Days[begin].Row().Up)
	})
	t.Run("is seen when nothing has ever answered", func(t *testing.T) {
		l := uptimetest.New(uptime.DefaultPolicy(), twenty(t)...)
		l.Channels = []string{"ops"}
		simulate(t, l, begin, begin.Add(5*time.Minute), fails(begin, hour))
		require.Equal(t, map[events.NoticeKind]int{events.NoticeOutage: 1}, kinds(t, l))
	})
}
