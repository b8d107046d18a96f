package politeness

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// hub is a Bus for fetchers in one process.
type hub struct {
	mu    sync.Mutex
	subs  map[int]func([]byte)
	count int
	down  bool
}

func (b *hub) Publish(data []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return errors.New("the broker is away")
	}
	for _, handle := range b.subs {
		handle(data)
	}
	return nil
}

func (b *hub) Subscribe(handle func([]byte)) (stop func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subs == nil {
		b.subs = map[int]func([]byte){}
	}
	b.count++
	n := b.count
	b.subs[n] = handle
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.subs, n)
	}, nil
}

// away makes the broker unreachable, or lets it come back.
func (b *hub) away(yes bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = yes
}

// peerOn runs a fetcher's politeness until end is called, or the test ends.
func peerOn(t *testing.T, bus Bus, cfg Config) (p *Politeness, end func()) {
	t.Helper()
	cfg.Bus = bus
	p = polite(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	end = func() { cancel(); running.Wait() }
	t.Cleanup(end)
	return p, end
}

// load is what fetchers do at hosts, and what hosts see of it.
type load struct {
	t    testing.TB
	took time.Duration // a request

	mu       sync.Mutex
	inflight map[string]int
	most     map[string]int
	starts   map[string][]time.Time
	by       map[*Politeness]int
}

func newLoad(t testing.TB, took time.Duration) *load {
	t.Helper()
	return &load{
		t: t, took: took, inflight: map[string]int{}, most: map[string]int{}, starts: map[string][]time.Time{}, by: map[*Politeness]int{},
	}
}

// drive asks for turns, so many at the same time per host, until ctx ends.
func (l *load) drive(ctx context.Context, wg *sync.WaitGroup, p *Politeness, parallel int, w Wish, hosts ...string) {
	for _, host := range hosts {
		for range parallel {
			wg.Go(func() {
				for ctx.Err() == nil {
					l.request(ctx, p, host, w)
				}
			})
		}
	}
}

func (l *load) request(ctx context.Context, p *Politeness, host string, w Wish) {
	got, err := p.Ask(ctx, host, w, nil)
	if later, ok := errors.AsType[*Later](err); ok {
		pass(ctx, later.After)
		return
	}
	if err != nil {
		if ctx.Err() == nil {
			l.t.Error(err)
		}
		return
	}
	l.mu.Lock()
	l.inflight[host]++
	l.most[host] = max(l.most[host], l.inflight[host])
	l.starts[host] = append(l.starts[host], time.Now())
	l.by[p]++
	l.mu.Unlock()
	pass(context.WithoutCancel(ctx), l.took)
	l.mu.Lock()
	l.inflight[host]--
	l.mu.Unlock()
	got.Done(Outcome{Result: Answered})
}

func pass(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func names(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("host%d.example:443", i))
	}
	return list
}

func TestTogether(t *testing.T) {
	fake(t, "a limit is not exceeded while fetchers come and go, and all of them work", func(t *testing.T) {
		const limit = 3
		bus, l, hosts := &hub{}, newLoad(t, 1700*time.Millisecond), names(20)
		var all []*Politeness
		start := func() (stop func()) {
			p, end := peerOn(t, bus, Config{Limits: limited(Limit{Concurrency: limit})})
			all = append(all, p)
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			l.drive(ctx, &wg, p, 3, Wish{}, hosts...)
			return func() { cancel(); wg.Wait(); end() }
		}
		var stops []func()
		for range 5 { // one after the other
			stops = append(stops, start())
			advance(3 * time.Second)
		}
		require.Equal(t, 5, all[0].Fetchers())
		stops[0]()
		advance(3 * time.Second)
		require.Equal(t, 4, all[1].Fetchers())
		stops = append(stops, start(), start())
		advance(5 * time.Second)
		for _, stop := range stops[1:] {
			stop()
		}
		for _, host := range hosts {
			require.Equal(t, limit, l.most[host], "the limit of %s is used, and kept", host)
		}
		require.Len(t, l.by, 7)
		for _, p := range all {
			require.Greater(t, l.by[p], 20)
		}
	})

	fake(t, "a rate is shared", func(t *testing.T) {
		const rate, seconds, fetchers = 20, 30, 3
		bus, l := &hub{}, newLoad(t, 5*time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), seconds*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for range fetchers {
			p, _ := peerOn(t, bus, Config{Limits: limited(Limit{Rate: rate})})
			l.drive(ctx, &wg, p, 20, Wish{}, alive)
		}
		wg.Wait()
		n := len(l.starts[alive])
		require.LessOrEqual(t, n, rate*seconds+fetchers+1)
		require.GreaterOrEqual(t, n, rate*(seconds-1)*9/10, "after the first second, in which all get to know each other")
	})

	fake(t, "a delay is kept by all together, also when another fetcher becomes the one that keeps it", func(t *testing.T) {
		bus, l, hosts := &hub{}, newLoad(t, 100*time.Millisecond), names(10)
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for range 4 {
			p, _ := peerOn(t, bus, Config{})
			l.drive(ctx, &wg, p, 2, Wish{Delay: 2 * time.Second}, hosts...)
			advance(5 * time.Second)
		}
		wg.Wait()
		for _, host := range hosts {
			starts := l.starts[host]
			require.Greater(t, len(starts), 8)
			for i := 1; i < len(starts); i++ {
				require.GreaterOrEqual(t, starts[i].Sub(starts[i-1]), 2*time.Second, host)
			}
		}
	})

	fake(t, "a new fetcher takes its shares one interval after it came, and hosts without limits at once", func(t *testing.T) {
		p, _ := peerOn(t, &hub{}, Config{Limits: func(host string) Limit {
			if host == "own.example:80" {
				return Limit{}
			}
			return Limit{Concurrency: 10}
		}})
		begin := time.Now()
		turn(t, p, "own.example:80", Wish{}).Done(Outcome{})
		require.Zero(t, time.Since(begin))
		turn(t, p, alive, Wish{}).Done(Outcome{})
		require.InDelta(t, time.Second, time.Since(begin), float64(2*poll))
	})

	fake(t, "who has no share is told to find who has", func(t *testing.T) {
		bus := &hub{}
		var peers []*Politeness
		for range 4 {
			p, _ := peerOn(t, bus, Config{Limits: limited(Limit{Concurrency: 1})})
			peers = append(peers, p)
		}
		advance(2 * time.Second)
		owners := 0
		for _, p := range peers {
			got, err := p.Ask(t.Context(), alive, Wish{}, nil)
			if later, ok := errors.AsType[*Later](err); ok {
				require.Equal(t, whyShare, later.Why)
				require.InDelta(t, 300*time.Millisecond, later.After, float64(200*time.Millisecond))
				continue
			}
			require.NoError(t, err)
			got.Done(Outcome{})
			owners++
		}
		require.Equal(t, 1, owners)
	})

	fake(t, "a redirect is followed where others have the shares", func(t *testing.T) {
		bus := &hub{}
		var peers []*Politeness
		for range 4 {
			p, _ := peerOn(t, bus, Config{Limits: limited(Limit{Concurrency: 1})})
			peers = append(peers, p)
		}
		advance(2 * time.Second)
		for _, p := range peers {
			turn(t, p, alive, Wish{Follow: true, Rate: 0.5}).Done(Outcome{})
			begin := time.Now()
			turn(t, p, alive, Wish{Follow: true, Rate: 0.5}).Done(Outcome{})
			require.InDelta(t, 2*time.Second, time.Since(begin), float64(slack))
		}
	})

	fake(t, "hosts of one site are in the care of the same fetchers", func(t *testing.T) {
		bus := &hub{}
		var peers []*Politeness
		for range 3 {
			p, _ := peerOn(t, bus, Config{Limits: limited(Limit{Concurrency: 1})})
			peers = append(peers, p)
		}
		advance(2 * time.Second)
		for _, p := range peers {
			owned := 0
			for _, host := range []string{"site.example:80", "site.example:443", "www.site.example:443"} {
				if got, err := p.Ask(t.Context(), host, Wish{}, nil); err == nil {
					got.Done(Outcome{})
					owned++
				}
			}
			require.Contains(t, []int{0, 3}, owned)
		}
	})

	fake(t, "the share of one that has died is taken over", func(t *testing.T) {
		bus := &hub{}
		a, _ := peerOn(t, bus, Config{Limits: limited(Limit{Concurrency: 1})})
		corpse := message{From: "corpse", Kind: kindHere}
		a.receive(corpse.encode())
		advance(1500 * time.Millisecond)
		foreign := "" // a host that the dead one owned
		for i := 0; foreign == ""; i++ {
			host := fmt.Sprintf("host%d.example:443", i)
			got, err := a.Ask(t.Context(), host, Wish{}, nil)
			if err != nil {
				foreign = host
				continue
			}
			got.Done(Outcome{})
		}
		advance(2 * time.Second)
		_, err := a.Ask(t.Context(), foreign, Wish{}, nil)
		require.Error(t, err, "3.5 s of silence are not enough")
		advance(2 * time.Second)
		turn(t, a, foreign, Wish{}).Done(Outcome{})
		require.Equal(t, 1, a.Fetchers())
	})

	fake(t, "who is not heard takes no shares, and takes them up again", func(t *testing.T) {
		bus := &hub{}
		p, _ := peerOn(t, bus, Config{Limits: limited(Limit{Concurrency: 1}), MaxWait: time.Second})
		turn(t, p, alive, Wish{}).Done(Outcome{})
		bus.away(true)
		advance(4 * time.Second)
		_, err := p.Ask(t.Context(), alive, Wish{}, nil)
		later, ok := errors.AsType[*Later](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, whyWaited, later.Why)
		bus.away(false)
		begin := time.Now()
		advance(1100 * time.Millisecond)
		turn(t, p, alive, Wish{}).Done(Outcome{})
		require.Greater(t, time.Since(begin), time.Second)
	})

	fake(t, "what one finds out about a host, all know", func(t *testing.T) {
		bus := &hub{}
		a, _ := peerOn(t, bus, Config{})
		b, _ := peerOn(t, bus, Config{})
		synctest.Wait()

		turn(t, a, alive, Wish{}).Done(Outcome{Result: Overloaded, RetryAfter: 30 * time.Second})
		synctest.Wait()
		_, err := b.Ask(t.Context(), alive, Wish{}, nil)
		later, ok := errors.AsType[*Later](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, whyPaused, later.Why)

		kill(t, a, dead)
		synctest.Wait()
		require.Equal(t, "connection refused", broken(t, b).Last)
		turn(t, a, dead, Wish{Probe: true}).Done(Outcome{Result: Answered})
		synctest.Wait()
		turn(t, b, dead, Wish{}).Done(Outcome{Result: Answered})
	})

	fake(t, "who has just had an answer does not believe that a host is dead", func(t *testing.T) {
		bus := &hub{}
		a, _ := peerOn(t, bus, Config{})
		b, _ := peerOn(t, bus, Config{})
		turn(t, b, dead, Wish{}).Done(Outcome{Result: Answered})
		synctest.Wait()
		kill(t, a, dead)
		synctest.Wait()
		require.Equal(t, 5, broken(t, a).Failures)
		turn(t, b, dead, Wish{}).Done(Outcome{Result: Answered})
	})
}
