package uptime_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/internal/uptime/uptimetest"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// past is one check as the model sees it.
type past struct {
	at         uptime.Instant
	regular    bool
	outcome    rune // '.', 'x' or '?'
	maintained bool
}

// sums are how many regular checks there were.
type sums struct{ up, down, maintained, unknown int64 }

// model says from all checks of one target, in the order in which they came, what should be known, as plainly as possible.
func model(list []past, failures, successes int) (phase events.TargetState, incidents [][2]uptime.Instant, n sums) {
	var judged []past
	weigh := func(n *int64, p past) {
		if p.regular {
			*n++
		}
	}
	for _, p := range list {
		late := len(judged) > 0 && p.at <= judged[len(judged)-1].at
		switch {
		case p.outcome == '?':
			weigh(&n.unknown, p)
		case p.outcome == '.':
			weigh(&n.up, p)
		case p.maintained:
			weigh(&n.maintained, p)
		default:
			weigh(&n.down, p)
		}
		if p.outcome != '?' && !late {
			judged = append(judged, p)
		}
	}
	// The state, from the runs: the checks from here back to the first that was not like this one.
	run := func(end int) (n int, first uptime.Instant) {
		for i := end; i >= 0; i-- {
			p := judged[i]
			if p.outcome != judged[end].outcome || p.outcome == 'x' && p.maintained {
				break
			}
			n, first = n+1, p.at
		}
		return n, first
	}
	for i, p := range judged {
		length, first := run(i)
		switch {
		case p.outcome == '.' && phase == "":
			phase = events.TargetUp
		case p.outcome == '.' && phase == events.TargetDown && length >= successes:
			phase = events.TargetUp
			incidents[len(incidents)-1][1] = first
		case p.outcome == 'x' && phase != events.TargetDown && length >= failures:
			phase = events.TargetDown
			incidents = append(incidents, [2]uptime.Instant{first, 0})
		}
	}
	// What has failed last and is not called down yet is not counted yet.
	if phase != events.TargetDown {
		for i := len(judged) - 1; i >= 0 && judged[i].outcome == 'x' && !judged[i].maintained; i-- {
			if judged[i].regular {
				n.down--
			}
		}
	}
	return phase, incidents, n
}

func TestRoundsEqualModel(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			s := spec("a")
			s.Failures, s.Successes = 1+rnd.IntN(4), 1+rnd.IntN(3)
			s.Maintenance = []events.Maintenance{{From: begin.Add(20 * time.Minute).Time(), ForMS: int64(rnd.IntN(10)+1) * 60_000}}
			target := prepare(t, 1, s)
			p := uptime.DefaultPolicy()
			p.Share = 0
			l := uptimetest.New(p, target)

			checks := randomChecks(rnd, target, 60)
			reorder(rnd, checks)
			var came []past
			for len(checks) > 0 {
				size := min(1+rnd.IntN(4), len(checks))
				group := checks[:size]
				checks = checks[size:]
				require.NoError(t, l.Commit(group...))
				slices.SortStableFunc(group, func(a, b uptimetest.Check) int { return int(a.ID.At - b.ID.At) })
				for _, c := range group {
					at := uptime.Instant(c.ID.At)
					came = append(came, past{at, !c.ID.Recheck, outcomeOf(c), target.Maintained(at)})
				}
				phase, incidents, n := model(came, s.Failures, s.Successes)
				require.Equal(t, phase, l.States[1].Phase)
				var got [][2]uptime.Instant
				for _, i := range l.Incidents {
					got = append(got, [2]uptime.Instant{i.Since, i.Until})
				}
				slices.SortFunc(got, func(a, b [2]uptime.Instant) int { return int(a[0] - b[0]) })
				require.Equal(t, incidents, got)
				row := uptime.NewBucket()
				for _, b := range l.History(1).Days {
					row.Merge(b)
				}
				r := row.Row()
				require.Equal(t, sums{r.Up / 60_000, r.Down / 60_000, r.Maintained / 60_000, r.Unknown / 60_000}, n)
			}
		})
	}
}

func outcomeOf(c uptimetest.Check) rune {
	switch {
	case c.Result.Status == events.StatusOK:
		return '.'
	case c.Result.Reason == events.ReasonHTTPStatus:
		return 'x'
	}
	return '?'
}

// randomChecks are regular checks with some between, each once.
func randomChecks(rnd *rand.Rand, target *uptime.Target, n int) []uptimetest.Check {
	var list []uptimetest.Check
	at, outcome := begin, '.'
	for range n {
		at = target.Next(at)
		if rnd.IntN(4) == 0 {
			outcome = []rune(".x")[rnd.IntN(2)]
		}
		o := outcome
		if rnd.IntN(10) == 0 {
			o = '?'
		}
		list = append(list, check(target.Num, at, o))
		if o != '?' && rnd.IntN(3) == 0 {
			list = append(list, check(target.Num, at.Add(time.Duration(1+rnd.IntN(50))*time.Second), map[rune]rune{'.': ',', 'x': 'X'}[o]))
		}
	}
	return list
}

// reorder lets some checks come later than others that were due after them.
func reorder(rnd *rand.Rand, list []uptimetest.Check) {
	for range rnd.IntN(10) {
		i := rnd.IntN(len(list))
		j := min(len(list)-1, i+rnd.IntN(5))
		list[i], list[j] = list[j], list[i]
	}
}

// What the buckets have does not depend on the order in which checks come, once it is clear what each of them counts as.
func TestSharesDoNotDependOnTheOrder(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 8))
		target := prepare(t, 1, spec("a"))
		checks := randomChecks(rnd, target, 100)
		last := check(1, uptime.Instant(checks[len(checks)-1].ID.At).Add(time.Hour), '.')
		all := func(list []uptimetest.Check) map[uptime.Key]*uptime.Bucket {
			l := uptimetest.New(uptime.DefaultPolicy(), target)
			for _, c := range append(list, last) {
				require.NoError(t, l.Commit(c))
			}
			return l.Buckets
		}
		inOrder := all(slices.Clone(checks))
		rnd.Shuffle(len(checks), func(i, j int) { checks[i], checks[j] = checks[j], checks[i] })
		shuffled := all(checks)
		require.Len(t, shuffled, len(inOrder))
		for key, b := range inOrder {
			require.Equal(t, b.Row(), shuffled[key].Row())
		}
	}
}
