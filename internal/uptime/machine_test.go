package uptime_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/internal/uptime/uptimetest"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// begin is a Saturday, at midnight.
var begin = uptime.InstantOf(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC))

// spec is a target that is looked at every minute.
func spec(name string) events.Target {
	return events.Target{
		Name: name, Recipe: "uptime", Params: json.RawMessage(`{"url":"https://` + name + `.example/"}`), Channels: []string{"ops"},
		IntervalMS: 60_000, RecheckMS: 10_000, Failures: 3, Successes: 2,
	}
}

func prepare(t *testing.T, num uint32, s events.Target) *uptime.Target {
	t.Helper()
	target, err := uptime.Prepare(num, 0, s)
	require.NoError(t, err)
	return target
}

// check is one with an outcome: '.' for success, 'x' for failure, '?' for nothing found out. Capital letters are those of rechecks.
func check(num uint32, at uptime.Instant, outcome rune) uptimetest.Check {
	c := uptimetest.Check{ID: events.CheckID{Target: num, At: int64(at)}, Result: &events.Result{Finished: at.Add(100 * time.Millisecond).Time()}}
	r := c.Result
	switch outcome {
	case '.', ',':
		r.Status, r.Fetch = events.StatusOK, &events.FetchFacts{Status: 200, ElapsedMS: 20}
	case 'x', 'X':
		r.Status, r.Reason, r.Error = events.StatusFailed, events.ReasonHTTPStatus, "status 503"
		r.Fetch = &events.FetchFacts{Status: 503, ElapsedMS: 5}
	default:
		r.Status, r.Reason = events.StatusFailed, events.ReasonWorkerLost
	}
	c.ID.Recheck = outcome == ',' || outcome == 'X'
	return c
}

// slots is when the regular checks of a target are due.
func slots(t *uptime.Target, n int) []uptime.Instant {
	var list []uptime.Instant
	for at := begin; len(list) < n; {
		at = t.Next(at)
		list = append(list, at)
	}
	return list
}

// play commits regular checks one after the other, an outcome each; spaces are for readers.
func play(t *testing.T, l *uptimetest.Ledger, target *uptime.Target, outcomes string) {
	t.Helper()
	at := max(begin, l.States[target.Num].Last)
	for _, o := range strings.ReplaceAll(outcomes, " ", "") {
		at = target.Next(at)
		require.NoError(t, l.Commit(check(target.Num, at, o)))
	}
}

// told lists what was told, in short: events by their change, notices by their kind in parentheses.
func told(t *testing.T, l *uptimetest.Ledger) string {
	t.Helper()
	var list []string
	for _, m := range l.Messages {
		if m.Type != events.TypeNotice {
			list = append(list, m.Subject[strings.LastIndexByte(m.Subject, '.')+1:])
			continue
		}
		n, err := events.DecodeNotice(m.Data)
		require.NoError(t, err)
		require.Equal(t, m.MsgID, n.ID)
		list = append(list, "("+string(n.Kind)+")")
	}
	return strings.Join(list, " ")
}

func TestTarget(t *testing.T) {
	for name, row := range map[string]struct {
		outcomes string
		state    events.TargetState
		told     string
		share    float64
	}{
		"is up from its first success":                          {".", events.TargetUp, "", 1},
		"is new while nothing has been found out":               {"???", "", "", -1},
		"is down after three failures":                          {".. xxx", events.TargetDown, "down (down)", 0.4},
		"is not down after two":                                 {".. xx", events.TargetUp, "", 1},
		"is not down when a success comes between":              {".. xx.xx.", events.TargetUp, "flapping (flapping)", 0.5},
		"is down although a check that found out nothing comes": {".. x?x?x", events.TargetDown, "down (down)", 0.4},
		"can be down from the beginning":                        {"xxx", events.TargetDown, "down (down)", 0},
		"is not up after one success":                           {"xxx .", events.TargetDown, "down (down)", 0.25},
		"is up after two":                                       {"xxx ..", events.TargetUp, "down (down) up (resolved)", 0.4},
		"is not up when a failure comes between":                {"xxx .x.", events.TargetDown, "down (down)", 2. / 6},
		"counts failures that were nothing as downtime":         {"x.", events.TargetUp, "", 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			target := prepare(t, 1, spec("a"))
			l := uptimetest.New(uptime.DefaultPolicy(), target)
			play(t, l, target, row.outcomes)
			require.Equal(t, row.state, l.States[1].Phase)
			require.Equal(t, row.told, told(t, l))
			share := l.History(1).Uptime(l.States[1].Last.Add(time.Minute)).Day
			if row.share < 0 {
				require.Nil(t, share)
			} else {
				require.NotNil(t, share)
				require.InDelta(t, row.share, *share, 1e-9)
			}
		})
	}
}

func TestIncident(t *testing.T) {
	target := prepare(t, 1, spec("a"))
	l := uptimetest.New(uptime.DefaultPolicy(), target)
	play(t, l, target, ". xxx x ..")
	at := slots(target, 7)
	require.Len(t, l.Incidents, 1)
	i := l.Incidents[uptimetest.Incident{Target: 1, Since: at[1]}]
	require.Equal(t, uptime.Incident{Target: 1, Since: at[1], Until: at[5], Cause: "status 503", End: uptime.EndUp}, i,
		"from the first failure to the first success")
	n, err := events.DecodeNotice(l.Messages[len(l.Messages)-1].Data)
	require.NoError(t, err)
	require.Equal(t, 4*time.Minute, n.Duration())
	require.Equal(t, at[1].Time(), n.Since)
	require.Equal(t, "https://a.example/", n.URL)
}

func TestRechecks(t *testing.T) {
	target := prepare(t, 1, spec("a"))
	l := uptimetest.New(uptime.DefaultPolicy(), target)
	at := slots(target, 2)
	commit := func(at uptime.Instant, o rune) uptime.Instant {
		t.Helper()
		require.NoError(t, l.Commit(check(1, at, o)))
		return l.States[1].Recheck
	}
	require.Zero(t, commit(at[0], '.'), "all is well")
	next := commit(at[1], 'x')
	require.Equal(t, at[1].Add(10*time.Second+100*time.Millisecond), next, "counted from the end of the check")
	next = commit(next, 'X')
	require.NotZero(t, next)
	require.Zero(t, commit(next, 'X'), "it is down: there is nothing more to find out")
	require.Equal(t, events.TargetDown, l.States[1].Phase)
	require.Equal(t, at[1], l.States[1].Since)
	require.NotZero(t, commit(next.Add(20*time.Second), '.'), "it may be up again")

	day := l.History(1).Days[begin]
	require.EqualValues(t, 120_000, day.Row().Up, "a check that is not regular is no time of its own, but this one was")
	require.EqualValues(t, 60_000, day.Row().Down)

	t.Run("are left to the regular check that comes before", func(t *testing.T) {
		s := spec("b")
		s.IntervalMS = 10_000
		target := prepare(t, 2, s)
		l := uptimetest.New(uptime.DefaultPolicy(), target)
		play(t, l, target, ".x")
		require.Zero(t, l.States[2].Recheck)
	})
}

func TestLateChecks(t *testing.T) {
	target := prepare(t, 1, spec("a"))
	at := slots(target, 6)
	inOrder, late := uptimetest.New(uptime.DefaultPolicy(), target), uptimetest.New(uptime.DefaultPolicy(), target)
	outcomes := []rune("..x..x")
	for i, o := range outcomes {
		require.NoError(t, inOrder.Commit(check(1, at[i], o)))
	}
	for _, i := range []int{0, 5, 1, 4, 2, 3} {
		require.NoError(t, late.Commit(check(1, at[i], outcomes[i])))
	}
	require.Equal(t, 1, late.States[1].Run, "they do not change the state")
	require.NoError(t, inOrder.Commit(check(1, target.Next(at[5]), '.')))
	require.NoError(t, late.Commit(check(1, target.Next(at[5]), '.')))
	require.Equal(t, inOrder.Buckets, late.Buckets, "and count in the shares")

	t.Run("that come together are put in order", func(t *testing.T) {
		together := uptimetest.New(uptime.DefaultPolicy(), target)
		var all []uptimetest.Check
		for _, i := range []int{5, 3, 1, 0, 2, 4} {
			all = append(all, check(1, at[i], outcomes[i]))
		}
		require.NoError(t, together.Commit(append(all, check(1, target.Next(at[5]), '.'))...))
		require.Equal(t, inOrder.States, together.States)
		require.Equal(t, inOrder.Buckets, together.Buckets)
	})
}

func TestFlapping(t *testing.T) {
	target := prepare(t, 1, spec("a"))
	l := uptimetest.New(uptime.DefaultPolicy(), target)
	play(t, l, target, ".... x.x.")
	require.Equal(t, "flapping (flapping)", told(t, l))
	play(t, l, target, "xxx ..") // nobody is told, the world is
	require.Equal(t, "flapping (flapping) down up", told(t, l))
	play(t, l, target, strings.Repeat(".", 18))
	require.Equal(t, "flapping (flapping) down up calm (resolved)", told(t, l))

	t.Run("that ends down is told then", func(t *testing.T) {
		l := uptimetest.New(uptime.DefaultPolicy(), target)
		play(t, l, target, ".... x.x."+strings.Repeat("x", 20))
		require.Equal(t, "flapping (flapping) down calm (down)", told(t, l))
	})
}

func TestReminders(t *testing.T) {
	s := spec("a")
	s.RemindMS = (5 * time.Minute).Milliseconds()
	target := prepare(t, 1, s)
	l := uptimetest.New(uptime.DefaultPolicy(), target)
	play(t, l, target, "xxx xxxx")
	require.Equal(t, "down (down)", told(t, l))
	play(t, l, target, "x xxxxx")
	require.Equal(t, "down (down) (still_down) (still_down)", told(t, l))
}

func TestCertificate(t *testing.T) {
	s := spec("a")
	s.CertificateDays, s.IntervalMS = 10, (6 * time.Hour).Milliseconds()
	target := prepare(t, 1, s)
	l := uptimetest.New(uptime.DefaultPolicy(), target)
	expires := begin.Add(12 * 24 * time.Hour)
	var days []string
	look := func(from uptime.Instant, n int) uptime.Instant {
		t.Helper()
		at := from
		for range n {
			at = target.Next(at)
			c := check(1, at, '.')
			c.Result.Fetch.TLS = &events.TLSFacts{Expires: expires.Time()}
			before := len(l.Messages)
			require.NoError(t, l.Commit(c))
			for _, m := range l.Messages[before:] {
				if m.Type == events.TypeNotice {
					notice, err := events.DecodeNotice(m.Data)
					require.NoError(t, err)
					days = append(days, notice.Facts["days_left"])
				}
			}
		}
		return at
	}
	at := look(begin, 52)
	require.Equal(t, []string{"9", "6", "2", "0", "0"}, days)
	expires = at.Add(5 * 24 * time.Hour)
	look(at, 4)
	require.Equal(t, []string{"9", "6", "2", "0", "0", "4"}, days, "another one")
}

func TestMaintenanceOfATarget(t *testing.T) {
	s := spec("a")
	s.Maintenance = []events.Maintenance{{From: begin.Add(5 * time.Minute).Time(), ForMS: (5 * time.Minute).Milliseconds()}}
	target := prepare(t, 1, s)

	t.Run("makes no incident and no downtime", func(t *testing.T) {
		l := uptimetest.New(uptime.DefaultPolicy(), target)
		play(t, l, target, "..... xxxxx .....")
		require.Empty(t, told(t, l))
		require.Empty(t, l.Incidents)
		require.InDelta(t, 1, *l.History(1).Uptime(begin.Add(20 * time.Minute)).Day, 0)
		require.EqualValues(t, 300_000, l.History(1).Days[begin].Row().Maintained)
	})
	t.Run("does not hide what is still down after it", func(t *testing.T) {
		l := uptimetest.New(uptime.DefaultPolicy(), target)
		play(t, l, target, "..... xxxxx xx")
		require.Empty(t, told(t, l))
		play(t, l, target, "x")
		require.Equal(t, "down (down)", told(t, l))
	})
	t.Run("puts off what was down before", func(t *testing.T) {
		l := uptimetest.New(uptime.DefaultPolicy(), target)
		play(t, l, target, "..xxx ..... ")
		require.Equal(t, "down (down) up", told(t, l))
		play(t, l, target, ".")
		require.Equal(t, "down (down) up (resolved)", told(t, l))
	})
}

// twenty are targets of as many sites.
func twenty(t *testing.T) []*uptime.Target {
	t.Helper()
	var list []*uptime.Target
	for i := range 20 {
		list = append(list, prepare(t, uint32(i+1), spec(fmt.Sprint("site", i))))
	}
	return list
}
