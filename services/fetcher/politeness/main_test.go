package politeness

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const dead, alive = "dead.example:443", "alive.example:443"

func polite(t testing.TB, cfg Config) *Politeness {
	t.Helper()
	p, err := New(cfg)
	require.NoError(t, err)
	return p
}

// limited gives all hosts the same limit.
func limited(l Limit) func(string) Limit { return func(string) Limit { return l } }

// turn asks for a turn that must come.
func turn(t testing.TB, p *Politeness, host string, w Wish) *Turn {
	t.Helper()
	got, err := p.Ask(t.Context(), host, w, nil)
	require.NoError(t, err)
	return got
}

// fake runs f in a bubble with a clock of its own.
func fake(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// line asks for turns one after the other and notes in which order they come.
type line struct {
	t     testing.TB
	p     *Politeness
	wg    sync.WaitGroup
	mu    sync.Mutex
	turns []*Turn
	order []int
	errs  []error
}

// ask lets request i wait in the line; it is in it when ask returns.
func (l *line) ask(i int, host string, w Wish) {
	l.wg.Go(func() {
		got, err := l.p.Ask(l.t.Context(), host, w, nil)
		l.mu.Lock()
		defer l.mu.Unlock()
		if err != nil {
			l.errs = append(l.errs, err)
			return
		}
		l.order = append(l.order, i)
		l.turns = append(l.turns, got)
	})
	synctest.Wait()
}

// served is how many have got their turn.
func (l *line) served() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.turns)
}

// done ends the oldest turn that has not ended.
func (l *line) done(o Outcome) {
	l.mu.Lock()
	t := l.turns[0]
	l.turns = l.turns[1:]
	l.mu.Unlock()
	t.Done(o)
	synctest.Wait()
}

// advance lets time pass in a bubble.
func advance(d time.Duration) { <-time.After(d) }
