package politeness

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConcurrency(t *testing.T) {
	fake(t, "is limited, and who waits is served in order", func(t *testing.T) {
		l := &line{t: t, p: polite(t, Config{Limits: limited(Limit{Concurrency: 2})})}
		for i := range 6 {
			l.ask(i, alive, Wish{})
		}
		require.Equal(t, []int{0, 1}, l.order)
		for i := range 6 {
			l.done(Outcome{Result: Answered})
			require.Len(t, l.order, min(6, i+3))
		}
		l.wg.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4, 5}, l.order)
		require.Zero(t, l.p.waiting.Load())
	})

	fake(t, "a wish can only be stricter", func(t *testing.T) {
		l := &line{t: t, p: polite(t, Config{Limits: limited(Limit{Concurrency: 2})})}
		for i := range 3 {
			l.ask(i, alive, Wish{Concurrency: 100})
			l.ask(i, "other.example:80", Wish{Concurrency: 1})
		}
		require.Equal(t, 3, l.served())
		for range 6 {
			l.done(Outcome{Result: Answered})
		}
		l.wg.Wait()
	})

	fake(t, "is earned: 8 at first, twice as many with each round of answers", func(t *testing.T) {
		p := polite(t, Config{Limits: limited(Limit{Concurrency: 20})})
		l := &line{t: t, p: p}
		for i := range 60 {
			l.ask(i, alive, Wish{})
		}
		for _, want := range []int{8, 16, 20, 16} { // the last of the 60
			require.Equal(t, want, l.served())
			for range want {
				l.done(Outcome{Result: Answered})
			}
		}
		l.wg.Wait()
	})

	fake(t, "is not earned by what comes one after the other", func(t *testing.T) {
		p := polite(t, Config{Limits: limited(Limit{})})
		for range 100 {
			turn(t, p, alive, Wish{}).Done(Outcome{Result: Answered})
		}
		p.each(func(h *host) { require.InDelta(t, firstWindow, h.window.size, 0) })
	})

	fake(t, "is earned by the first answer where the limits say so", func(t *testing.T) {
		p := polite(t, Config{})
		l := &line{t: t, p: p}
		for i := range 1000 {
			l.ask(i, dead, Wish{})
		}
		require.Equal(t, firstWindow, l.served())
		l.done(Outcome{Result: Answered})
		require.Equal(t, 999, l.served())
		for range 999 {
			l.done(refused)
		}
		advance(5 * time.Second)
		for i := range 50 {
			l.ask(i, dead, Wish{Probe: true})
		}
		require.Equal(t, firstWindow, l.served(), "it has been dead since")
		for range 50 {
			l.done(Outcome{Result: Answered})
		}
		l.wg.Wait()
		require.Empty(t, l.errs)
	})

	fake(t, "shrinks while nothing comes from the host", func(t *testing.T) {
		p := polite(t, Config{})
		l := &line{t: t, p: p}
		l.ask(0, alive, Wish{})
		advance(2 * time.Second)
		l.done(Outcome{Result: Answered})
		for i := range 20 {
			l.ask(i, alive, Wish{})
		}
		require.Equal(t, 20, l.served())
		advance(7 * time.Second)
		l.ask(20, alive, Wish{})
		require.Equal(t, 21, l.served(), "four times as long as a request took has not passed")
		advance(2 * time.Second)
		l.ask(21, alive, Wish{})
		require.Equal(t, 21, l.served())
		l.done(Outcome{Result: Answered})
		require.Equal(t, 21, l.served())
		for range 21 {
			l.done(Outcome{Result: Answered})
		}
		l.wg.Wait()
	})

	fake(t, "of a host that does not answer is never earned", func(t *testing.T) {
		p := polite(t, Config{Limits: limited(Limit{})})
		l := &line{t: t, p: p}
		for i := range 50 {
			l.ask(i, dead, Wish{})
		}
		require.Equal(t, firstWindow, l.served())
		for range 5 {
			l.done(Outcome{Result: Unreachable, Err: errors.New("connection refused")})
		}
		l.wg.Wait()
		require.Len(t, l.errs, 50-firstWindow-4, "four more have tried, and all others been told that the circuit is open")
	})

	fake(t, "a slow host takes nothing from another", func(t *testing.T) {
		l := &line{t: t, p: polite(t, Config{Limits: limited(Limit{Concurrency: 1}), Waiting: 50, HostWaiting: 20})}
		for i := range 30 {
			l.ask(i, dead, Wish{})
		}
		require.Len(t, l.errs, 9, "one has its turn and 20 wait")
		for range 100 {
			turn(t, l.p, alive, Wish{}).Done(Outcome{Result: Answered})
		}
		for range 21 {
			l.done(Outcome{Result: Answered})
		}
		l.wg.Wait()
	})
}

func TestRate(t *testing.T) {
	fake(t, "starts are spread evenly", func(t *testing.T) {
		p := polite(t, Config{Limits: limited(Limit{Rate: 10})})
		var at []time.Duration
		begin := time.Now()
		for range 31 {
			turn(t, p, alive, Wish{}).Done(Outcome{Result: Answered})
			at = append(at, time.Since(begin))
		}
		require.GreaterOrEqual(t, at[30], 3*time.Second-slack)
		require.LessOrEqual(t, at[30], 3*time.Second, "and no slower than allowed")
		for i := 1; i < len(at); i++ {
			require.GreaterOrEqual(t, at[i]-at[i-1], 100*time.Millisecond-slack)
		}
	})

	fake(t, "a wish for less counts, one for more does not", func(t *testing.T) {
		p := polite(t, Config{Limits: limited(Limit{Rate: 10})})
		begin := time.Now()
		for range 3 {
			turn(t, p, alive, Wish{Rate: 2}).Done(Outcome{Result: Answered})
		}
		require.InDelta(t, time.Second, time.Since(begin), float64(slack))
		begin = time.Now()
		for range 11 {
			turn(t, p, "other.example:80", Wish{Rate: 1000}).Done(Outcome{Result: Answered})
		}
		require.InDelta(t, time.Second, time.Since(begin), float64(slack))
	})

	fake(t, "a delay is kept before and after, also by those that wish for none", func(t *testing.T) {
		p := polite(t, Config{})
		begin := time.Now()
		turn(t, p, alive, Wish{}).Done(Outcome{Result: Answered})
		turn(t, p, alive, Wish{Delay: 3 * time.Second}).Done(Outcome{Result: Answered})
		require.Equal(t, 3*time.Second, time.Since(begin))
		turn(t, p, alive, Wish{}).Done(Outcome{Result: Answered})
		require.Equal(t, 6*time.Second, time.Since(begin))
		turn(t, p, alive, Wish{}).Done(Outcome{Result: Answered})
		require.Equal(t, 6*time.Second, time.Since(begin))
	})

	t.Run("what is no rate is no limit", func(t *testing.T) {
		for _, r := range []float64{0, -1, math.NaN(), math.Inf(1), math.Inf(-1)} {
			require.False(t, Limit{Rate: r, Concurrency: -1}.and(Wish{Rate: r, Delay: -1, Concurrency: -1}).limited(), r)
		}
		require.Equal(t, maxDelay, demand{rate: 1e-300}.interval())
		require.Equal(t, maxDelay, Limit{}.and(Wish{Delay: math.MaxInt64}).delay)
	})
}

func TestLater(t *testing.T) {
	later := func(t *testing.T, err error) *Later {
		t.Helper()
		l, ok := errors.AsType[*Later](err)
		require.True(t, ok, "%v", err)
		return l
	}

	fake(t, "who would wait for long is told when to come, each behind the one before", func(t *testing.T) {
		p := polite(t, Config{MaxLater: 10 * time.Minute})
		l := &line{t: t, p: p}
		w := Wish{Delay: 4 * time.Second}
		for i := range 10 {
			l.ask(i, alive, w)
		}
		require.Len(t, l.errs, 7, "one starts, two wait 4 and 8 s")
		var last time.Duration
		for i, err := range l.errs {
			d := later(t, err).After
			require.GreaterOrEqual(t, d, time.Duration(i+3)*4*time.Second)
			last = max(last, d)
		}
		require.GreaterOrEqual(t, last, 36*time.Second)
		l.wg.Wait()
	})

	fake(t, "the longest deferral is bounded", func(t *testing.T) {
		p := polite(t, Config{})
		turn(t, p, alive, Wish{Delay: time.Hour}).Done(Outcome{Result: Answered})
		for range 100 {
			_, err := p.Ask(t.Context(), alive, Wish{}, nil)
			require.InDelta(t, 135*time.Second, later(t, err).After, float64(15*time.Second))
		}
	})

	fake(t, "a line has an end, and all lines together", func(t *testing.T) {
		l := &line{t: t, p: polite(t, Config{Limits: limited(Limit{Concurrency: 1}), Waiting: 5, HostWaiting: 3})}
		for i := range 6 {
			l.ask(i, alive, Wish{})
			l.ask(i, dead, Wish{})
		}
		require.EqualValues(t, 5, l.p.waiting.Load())
		var why []string
		for _, err := range l.errs {
			why = append(why, later(t, err).Why)
		}
		require.ElementsMatch(t, []string{whyCrowd, whyCrowd, whyWaiting, whyWaiting, whyWaiting}, sorted(why))
		for range 7 {
			l.done(Outcome{Result: Answered})
		}
		l.wg.Wait()
	})

	fake(t, "no turn in twice the longest wait", func(t *testing.T) {
		p := polite(t, Config{Limits: limited(Limit{Concurrency: 1})})
		hold := turn(t, p, alive, Wish{})
		begin := time.Now()
		_, err := p.Ask(t.Context(), alive, Wish{}, nil)
		require.Equal(t, whyWaited, later(t, err).Why)
		require.Equal(t, 20*time.Second, time.Since(begin))
		hold.Done(Outcome{})
		turn(t, p, alive, Wish{}).Done(Outcome{})
	})

	fake(t, "a wait takes at most half of the time that the request has", func(t *testing.T) {
		p := polite(t, Config{Limits: limited(Limit{Concurrency: 1})})
		hold := turn(t, p, alive, Wish{})
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		begin := time.Now()
		_, err := p.Ask(ctx, alive, Wish{}, nil)
		require.Equal(t, whyWaited, later(t, err).Why)
		require.Equal(t, 2*time.Second, time.Since(begin))
		hold.Done(Outcome{})
		turn(t, p, alive, Wish{Delay: 3 * time.Second}).Done(Outcome{})
		ctx, cancel = context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		begin = time.Now()
		_, err = p.Ask(ctx, alive, Wish{}, nil)
		require.Equal(t, whyPace, later(t, err).Why)
		require.Equal(t, begin, time.Now(), "it is known beforehand")
	})

	t.Run("the text says when", func(t *testing.T) {
		err := &Later{Host: alive, After: 1234567890, Why: whyPace}
		require.EqualError(t, err, "host alive.example: its rate limit is used up; its turn is in about 1.2s")
	})
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

func TestWaiting(t *testing.T) {
	fake(t, "is parked, and only waiting is", func(t *testing.T) {
		p := polite(t, Config{Limits: limited(Limit{Concurrency: 1})})
		var parked, resumed int
		park := func() func() { parked++; return func() { resumed++ } }
		hold, err := p.Ask(t.Context(), alive, Wish{}, park)
		require.NoError(t, err)
		require.Zero(t, parked)
		var wg sync.WaitGroup
		wg.Go(func() {
			got, err := p.Ask(t.Context(), alive, Wish{}, park)
			if err == nil {
				got.Done(Outcome{Result: Answered})
			}
		})
		synctest.Wait()
		require.Equal(t, 1, parked)
		require.Zero(t, resumed)
		hold.Done(Outcome{Result: Answered})
		wg.Wait()
		require.Equal(t, 1, resumed)
	})

	fake(t, "ends with its context, and the next one moves up", func(t *testing.T) {
		l := &line{t: t, p: polite(t, Config{Limits: limited(Limit{Concurrency: 1})})}
		hold := turn(t, l.p, alive, Wish{})
		ctx, cancel := context.WithCancel(t.Context())
		called := make(chan error)
		go func() {
			_, err := l.p.Ask(ctx, alive, Wish{}, nil)
			called <- err
		}()
		synctest.Wait()
		l.ask(2, alive, Wish{})
		cancel()
		require.ErrorIs(t, <-called, context.Canceled)
		require.Zero(t, l.served())
		hold.Done(Outcome{})
		l.wg.Wait()
		require.Equal(t, []int{2}, l.order)
		l.done(Outcome{})
		_, err := l.p.Ask(ctx, alive, Wish{}, nil)
		require.ErrorIs(t, err, context.Canceled)
	})

	t.Run("no turn is lost when contexts end as turns come", func(t *testing.T) {
		p := polite(t, Config{Limits: limited(Limit{Concurrency: 2})})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 300 {
					ctx, cancel := context.WithCancel(t.Context())
					go cancel()
					if got, err := p.Ask(ctx, alive, Wish{}, nil); err == nil {
						got.Done(Outcome{Result: Answered})
					}
					cancel()
				}
			})
		}
		wg.Wait()
		a, b := turn(t, p, alive, Wish{}), turn(t, p, alive, Wish{})
		a.Done(Outcome{})
		b.Done(Outcome{})
		require.Zero(t, p.waiting.Load())
		p.each(func(h *host) { require.Zero(t, h.inflight) })
	})

	fake(t, "a turn ends once", func(t *testing.T) {
		p := polite(t, Config{Limits: limited(Limit{Concurrency: 1})})
		got := turn(t, p, alive, Wish{})
		got.Done(Outcome{Result: Answered})
		got.Done(Outcome{Result: Answered})
		p.each(func(h *host) { require.Zero(t, h.inflight) })
	})
}

func TestConfig(t *testing.T) {
	_, err := New(Config{MaxWait: -1, Waiting: -2, ID: "not an id"})
	for _, text := range []string{"longest wait", "waiting requests must not be negative", `"not an id"`} {
		require.ErrorContains(t, err, text)
	}
}

func ExampleLater() {
	fmt.Println(&Later{Host: "www.example.com:443", Why: "it asked us to slow down", After: 30 * time.Second})
	// Output: host www.example.com: it asked us to slow down; its turn is in about 30s
}
