package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// gated is a database whose transactions end when the test says so.
type gated struct {
	began chan []store.Entry
	end   chan error
}

func newGated() *gated { return &gated{began: make(chan []store.Entry, 100), end: make(chan error)} }

func (g *gated) Commit(ctx context.Context, entries []store.Entry) ([]store.Outcome, error) {
	g.began <- entries
	select {
	case err := <-g.end:
		if errors.Is(err, errPanic) {
			panic(err)
		}
		outcomes := make([]store.Outcome, len(entries))
		for i, e := range entries {
			outcomes[i].Result = e.Result
		}
		return outcomes, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

var errPanic = errors.New("the database panics")

func entriesOf(name string, n int) []store.Entry {
	list := make([]store.Entry, n)
	for i := range list {
		list[i].Result = &events.Result{ID: fmt.Sprintf("%s%d", name, i)}
	}
	return list
}

// wants checks that a share got the outcomes of its own entries.
func wants(t *testing.T, s *share) {
	t.Helper()
	outcomes, err := s.wait()
	require.NoError(t, err)
	require.Len(t, outcomes, len(s.entries))
	for i, e := range s.entries {
		require.Same(t, e.Result, outcomes[i].Result)
	}
}

func TestCommitter(t *testing.T) {
	ctx := context.Background()
	fixture := func() (*gated, *committer) {
		g := newGated()
		return g, &committer{db: g, log: slog.New(slog.DiscardHandler)}
	}
	t.Run("puts what comes during a transaction into the next one, together", func(t *testing.T) {
		g, c := fixture()
		a := c.hand(ctx, entriesOf("a", 1))
		require.Len(t, <-g.began, 1)
		b, d := c.hand(ctx, entriesOf("b", 2)), c.hand(ctx, entriesOf("c", 3))
		require.Empty(t, g.began, "small ones wait")
		g.end <- nil
		wants(t, a)
		require.Len(t, <-g.began, 5)
		g.end <- nil
		wants(t, b)
		wants(t, d)
	})
	t.Run("prepares a large one beside the one before it", func(t *testing.T) {
		g, c := fixture()
		a, b := c.hand(ctx, entriesOf("a", 1)), c.hand(ctx, entriesOf("b", fullEnough))
		require.ElementsMatch(t, []int{1, fullEnough}, []int{len(<-g.began), len(<-g.began)})
		d := c.hand(ctx, entriesOf("c", maxTransaction))
		require.Empty(t, g.began, "but not more of them")
		g.end <- nil
		require.Len(t, <-g.began, maxTransaction)
		g.end <- nil
		g.end <- nil
		for _, s := range []*share{a, b, d} {
			wants(t, s)
		}
	})
	t.Run("makes none larger than it may be, unless it is one list", func(t *testing.T) {
		g, c := fixture()
		a := c.hand(ctx, entriesOf("a", maxTransaction+1))
		require.Len(t, <-g.began, maxTransaction+1)
		b, d, e := c.hand(ctx, entriesOf("b", fullEnough-1)), c.hand(ctx, entriesOf("c", 1)), c.hand(ctx, entriesOf("d", maxTransaction-1))
		require.Len(t, <-g.began, fullEnough)
		g.end <- nil
		require.Len(t, <-g.began, maxTransaction-1)
		g.end <- nil
		g.end <- nil
		for _, s := range []*share{a, b, d, e} {
			wants(t, s)
		}
	})
	t.Run("tries again what the database does not take", func(t *testing.T) {
		g, c := fixture()
		a := c.hand(ctx, entriesOf("a", 1))
		<-g.began
		g.end <- errors.New("disk full")
		<-g.began
		g.end <- nil
		wants(t, a)
	})
	t.Run("gives up all shares when the work ends", func(t *testing.T) {
		g, c := fixture()
		ctx, end := context.WithCancel(ctx)
		a := c.hand(ctx, entriesOf("a", 1))
		<-g.began
		b := c.hand(ctx, entriesOf("b", 1))
		end()
		for _, s := range []*share{a, b} {
			_, err := s.wait()
			require.ErrorIs(t, err, context.Canceled)
		}
	})
	t.Run("passes a panic on to all whose entries were in the transaction, and goes on", func(t *testing.T) {
		g, c := fixture()
		first := c.hand(ctx, entriesOf("a", 1))
		<-g.began
		a, b := c.hand(ctx, entriesOf("b", 1)), c.hand(ctx, entriesOf("c", 1))
		g.end <- nil
		wants(t, first)
		<-g.began
		g.end <- errPanic
		for _, s := range []*share{a, b} {
			require.Panics(t, func() { _, _ = s.wait() })
		}
		d := c.hand(ctx, entriesOf("d", 1))
		<-g.began
		g.end <- nil
		wants(t, d)
	})
}
