package politeness

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

var refused = Outcome{Result: Unreachable, Err: errors.New("connection refused")}

// kill opens a host's circuit.
func kill(t *testing.T, p *Politeness, host string) {
	t.Helper()
	for range p.cfg.BreakAfter {
		turn(t, p, host, Wish{}).Done(refused)
	}
}

func broken(t *testing.T, p *Politeness) *Broken {
	t.Helper()
	_, err := p.Ask(t.Context(), dead, Wish{}, nil)
	b, ok := errors.AsType[*Broken](err)
	require.True(t, ok, "%v", err)
	return b
}

func TestCircuit(t *testing.T) {
	fake(t, "opens after five in a row and says why", func(t *testing.T) {
		p := polite(t, Config{})
		kill(t, p, dead)
		b := broken(t, p)
		require.EqualError(t, b, "host dead.example has not answered 5 times in a row, last: connection refused; next try in 5s")
		require.Equal(t, time.Now().Add(5*time.Second), b.Until)
		turn(t, p, alive, Wish{}).Done(Outcome{Result: Answered})
	})

	fake(t, "one answer among the failures keeps it closed", func(t *testing.T) {
		p := polite(t, Config{})
		for range 20 {
			for range 4 {
				turn(t, p, dead, Wish{}).Done(refused)
			}
			turn(t, p, dead, Wish{}).Done(Outcome{Result: Overloaded})
			advance(time.Minute)
		}
	})

	fake(t, "what says nothing about the host is not counted", func(t *testing.T) {
		p := polite(t, Config{})
		for range 20 {
			turn(t, p, dead, Wish{}).Done(Outcome{Result: Unknown})
		}
	})

	fake(t, "lets one through then, and stays open twice as long each time it fails", func(t *testing.T) {
		p := polite(t, Config{})
		kill(t, p, dead)
		for i, seconds := range []int{5, 10, 20, 40, 80, 120, 120} {
			want := time.Duration(seconds) * time.Second
			require.Equal(t, want, broken(t, p).After)
			advance(want - 1)
			require.EqualValues(t, 1, broken(t, p).After)
			advance(1)
			trial := turn(t, p, dead, Wish{})
			require.NotZero(t, broken(t, p).After, "while it is tried")
			advance(time.Second)
			trial.Done(refused)
			require.Equal(t, 6+i, broken(t, p).Failures)
		}
	})

	fake(t, "closes with an answer, and starts anew", func(t *testing.T) {
		p := polite(t, Config{})
		kill(t, p, dead)
		advance(5 * time.Second)
		turn(t, p, dead, Wish{}).Done(Outcome{Result: Answered})
		kill(t, p, dead)
		require.Equal(t, 5*time.Second, broken(t, p).After)
	})

	fake(t, "a trial that was called off was none", func(t *testing.T) {
		p := polite(t, Config{})
		kill(t, p, dead)
		advance(5 * time.Second)
		turn(t, p, dead, Wish{}).Done(Outcome{Result: Unknown})
		turn(t, p, dead, Wish{}).Done(Outcome{Result: Answered})
		turn(t, p, dead, Wish{}).Done(Outcome{Result: Answered})
	})

	fake(t, "what was under way before it opened changes nothing when it fails", func(t *testing.T) {
		p := polite(t, Config{})
		var early []*Turn
		for range 8 {
			early = append(early, turn(t, p, dead, Wish{}))
		}
		for _, e := range early {
			e.Done(refused)
		}
		b := broken(t, p)
		require.Equal(t, 8, b.Failures)
		require.Equal(t, 5*time.Second, b.After)
	})

	fake(t, "a probe is let through and closes it", func(t *testing.T) {
		p := polite(t, Config{})
		kill(t, p, dead)
		for range 10 {
			turn(t, p, dead, Wish{Probe: true}).Done(refused)
		}
		require.Equal(t, 5*time.Second, broken(t, p).After, "probes do not keep it open for longer")
		turn(t, p, dead, Wish{Probe: true}).Done(Outcome{Result: Answered})
		turn(t, p, dead, Wish{}).Done(Outcome{Result: Answered})
	})

	fake(t, "a probe waits for its turn like everybody", func(t *testing.T) {
		l := &line{t: t, p: polite(t, Config{Limits: limited(Limit{Concurrency: 1})})}
		l.ask(0, alive, Wish{Probe: true})
		l.ask(1, alive, Wish{Probe: true})
		require.Equal(t, 1, l.served())
		l.done(Outcome{Result: Answered})
		l.done(Outcome{Result: Answered})
		l.wg.Wait()
	})

	t.Run("the text has one line and an end", func(t *testing.T) {
		s := oneLine("dial\ntcp\x00 \xff" + string(make([]byte, 1000)))
		require.Equal(t, "dial tcp  ?", s[:11])
		require.LessOrEqual(t, len(s), maxCause+len("…"))
	})
}

func TestOverload(t *testing.T) {
	wait := func(t *testing.T, p *Politeness) time.Duration {
		t.Helper()
		begin := time.Now()
		for {
			got, err := p.Ask(t.Context(), alive, Wish{}, nil)
			if later, ok := errors.AsType[*Later](err); ok {
				require.Equal(t, whyPaused, later.Why)
				require.GreaterOrEqual(t, later.After, p.Snapshot()[0].For)
				advance(p.Snapshot()[0].For)
				continue
			}
			require.NoError(t, err)
			got.Done(Outcome{})
			return time.Since(begin)
		}
	}

	fake(t, "pauses the host for as long as it asks", func(t *testing.T) {
		p := polite(t, Config{})
		turn(t, p, alive, Wish{}).Done(Outcome{Result: Overloaded, RetryAfter: 7 * time.Second})
		require.Equal(t, 7*time.Second, wait(t, p))
		turn(t, p, alive, Wish{}).Done(Outcome{Result: Overloaded, RetryAfter: time.Hour})
		require.Equal(t, time.Minute, wait(t, p), "but not for ever")
	})

	fake(t, "pauses for longer each time when the host does not say, until it answers", func(t *testing.T) {
		p := polite(t, Config{})
		for _, seconds := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
			turn(t, p, alive, Wish{}).Done(Outcome{Result: Overloaded})
			require.Equal(t, time.Duration(seconds)*time.Second, wait(t, p))
		}
		turn(t, p, alive, Wish{}).Done(Outcome{Result: Answered})
		turn(t, p, alive, Wish{}).Done(Outcome{Result: Overloaded})
		require.Equal(t, time.Second, wait(t, p))
	})

	fake(t, "halves the window once for all that was under way, which then grows by one per round", func(t *testing.T) {
		p := polite(t, Config{Limits: limited(Limit{})})
		l := &line{t: t, p: p}
		for i := range 200 {
			l.ask(i, alive, Wish{})
		}
		for range 8 + 16 {
			l.done(Outcome{Result: Answered})
		}
		require.Equal(t, 32, l.served())
		for range 32 {
			l.done(Outcome{Result: Overloaded})
		}
		require.Zero(t, l.served())
		advance(time.Second)
		synctest.Wait()
		for _, want := range []int{16, 17, 18, 19} {
			require.InDelta(t, want, l.served(), 1)
			for range l.served() {
				l.done(Outcome{Result: Answered})
			}
		}
		for l.served() > 0 {
			l.done(Outcome{Result: Answered})
		}
		l.wg.Wait()
	})

	fake(t, "503 without Retry-After slows a host down, unless it is the operator's own", func(t *testing.T) {
		p := polite(t, Config{Limits: func(host string) Limit { return Limit{Own: host != alive} }})
		turn(t, p, alive, Wish{}).Done(Outcome{Result: Unavailable})
		require.Equal(t, time.Second, wait(t, p))
		turn(t, p, "own.example:80", Wish{}).Done(Outcome{Result: Unavailable})
		begin := time.Now()
		turn(t, p, "own.example:80", Wish{}).Done(Outcome{Result: Overloaded})
		require.Equal(t, begin, time.Now())
		require.Len(t, p.Snapshot(), 1)
	})

	fake(t, "those who wait learn that it takes long", func(t *testing.T) {
		l := &line{t: t, p: polite(t, Config{Limits: limited(Limit{Concurrency: 1})})}
		for i := range 5 {
			l.ask(i, alive, Wish{})
		}
		l.done(Outcome{Result: Overloaded, RetryAfter: 30 * time.Second})
		l.wg.Wait()
		require.Len(t, l.errs, 4)
	})
}

func TestForgetting(t *testing.T) {
	count := func(p *Politeness) (n int) {
		p.each(func(*host) { n++ })
		return n
	}

	fake(t, "hosts are forgotten when nobody asks for them, and nothing keeps them busy", func(t *testing.T) {
		p := polite(t, Config{})
		hold := turn(t, p, "busy.example:80", Wish{})
		turn(t, p, alive, Wish{}).Done(Outcome{Result: Answered})
		turn(t, p, "slow.example:80", Wish{Delay: time.Hour}).Done(Outcome{Result: Answered})
		kill(t, p, dead)
		p.forget(time.Now().Add(4 * time.Minute))
		require.Equal(t, 4, count(p))
		p.forget(time.Now().Add(5*time.Minute + 1))
		require.Equal(t, 3, count(p), "the one that is alive is forgotten")
		p.forget(time.Now().Add(6 * time.Minute))
		require.Equal(t, 2, count(p), "and the circuit of nobody's interest")
		hold.Done(Outcome{})
		p.forget(time.Now().Add(2 * time.Hour))
		require.Zero(t, count(p))
		require.Zero(t, p.hosts.Load())
	})

	fake(t, "a full memory makes room where nothing is lost, and refuses else", func(t *testing.T) {
		p := polite(t, Config{MaxHosts: 1})
		name := sameShard(p, alive)
		turn(t, p, name, Wish{}).Done(Outcome{Result: Answered})
		hold := turn(t, p, alive, Wish{})
		require.Equal(t, 1, count(p))
		_, err := p.Ask(t.Context(), name, Wish{}, nil)
		later, ok := errors.AsType[*Later](err)
		require.True(t, ok)
		require.Equal(t, whyHosts, later.Why)
		hold.Done(Outcome{})
		turn(t, p, name, Wish{}).Done(Outcome{})
	})
}

// sameShard finds a host that shares its lock with another one.
func sameShard(p *Politeness, host string) string {
	for i := 0; ; i++ {
		name := "host" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + ".example:80"
		if p.shard(name) == p.shard(host) {
			return name
		}
	}
}

func TestSnapshot(t *testing.T) {
	fake(t, "lists what is not simply asked, the worst first", func(t *testing.T) {
		p := polite(t, Config{Limits: limited(Limit{Concurrency: 1})})
		l := &line{t: t, p: p}
		l.ask(0, alive, Wish{})
		l.ask(1, alive, Wish{})
		turn(t, p, "paused.example:80", Wish{}).Done(Outcome{Result: Overloaded, RetryAfter: 30 * time.Second})
		turn(t, p, "fine.example:80", Wish{}).Done(Outcome{Result: Answered})
		kill(t, p, dead)
		require.Equal(t, []events.HostStatus{
			{Host: dead, State: events.HostBroken, For: 5 * time.Second, Window: 8, Failures: 5, Last: "connection refused"},
			{Host: "paused.example:80", State: events.HostPaused, For: 30 * time.Second, Window: 1},
			{Host: alive, State: events.HostLimited, InFlight: 1, Waiting: 1, Window: 8},
		}, p.Snapshot())
		l.done(Outcome{})
		l.done(Outcome{})
		l.wg.Wait()
	})

	t.Run("has an end", func(t *testing.T) {
		p := polite(t, Config{BreakAfter: 1})
		for i := range 3000 {
			kill(t, p, "host"+string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/26/26))+".example:80")
		}
		require.Len(t, p.Snapshot(), maxSnapshot)
	})
}
