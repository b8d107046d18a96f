package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Wait waits for a batch and prints what comes of it: a table of counts by outcome on Out for the format Table, otherwise the
// results on Out and the table on Err.
type Wait struct {
	Client   *client.Client
	Out, Err io.Writer
	Progress *Progress
	Format   Format
	Ordered  bool          // results in the order of the items, after the end; otherwise as they complete
	Timeout  time.Duration // 0 means none
	Patience time.Duration // see client.WaitOptions
	// Answer prints the batch with its answers instead of the results, for the formats for programs: who has asked for one answer out of many
	// results wants that.
	Answer bool
}

// Batch returns nil when all items ended ok, and otherwise an error with the exit status.
func (w *Wait) Batch(ctx context.Context, id string) error {
	outer := ctx
	if w.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.Timeout)
		defer cancel()
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)

	list := w.list(id)
	b, err := w.Client.WaitBatch(ctx, id, client.WaitOptions{Patience: w.Patience, OnProgress: func(b events.Batch) {
		w.Progress.Show("done", b.Ended(), b.Total)
		if err := list.more(ctx); err != nil {
			stop(err)
		}
	}})
	w.Progress.Clear()
	if err == nil {
		err = list.finish(ctx)
	}
	if err != nil {
		_ = list.out.Flush() // what has come is worth having
		return w.explain(outer, ctx, id, err)
	}
	counts, err := w.Client.Counts(ctx, events.CountQuery{Batch: id})
	if err != nil {
		return err
	}
	if err := w.summary(b, counts); err != nil {
		return err
	}
	return BatchExit(b)
}

func (w *Wait) explain(outer, inner context.Context, id string, err error) error {
	resume := fmt.Sprintf("the work goes on; wait for it again with: fetchmill batch wait %s", id)
	switch {
	case outer.Err() != nil:
		return &Exit{Code: host.ExitInterrupted, Text: "interrupted: " + resume}
	case errors.Is(inner.Err(), context.DeadlineExceeded):
		return fmt.Errorf("batch %s is not done after %s: %s", id, w.Timeout, resume)
	case inner.Err() != nil:
		return context.Cause(inner)
	default:
		return err
	}
}

func (w *Wait) summary(b *events.Batch, counts []events.Count) error {
	out := w.Out
	if w.Format != Table {
		out = w.Err
	}
	cols := CountColumns()[1:] // a batch has one recipe
	if err := NewWriter(out, Table, cols).All(Each(counts), 0); err != nil {
		return err
	}
	if err := WriteReduced(out, b.Reduced); err != nil {
		return err
	}
	if w.Answer && w.Format != Table {
		if err := w.answer(b); err != nil {
			return err
		}
	}
	_, _ = fmt.Fprintf(w.Err, "batch %s is %s: %d items, %d ok, %d failed, %d cancelled\n", b.Batch, b.State, b.Ended(), b.OK, b.Failed, b.Cancelled)
	return nil
}

// answer prints the batch with its answers.
func (w *Wait) answer(b *events.Batch) error {
	switch w.Format {
	case CSV:
		return NewWriter(w.Out, CSV, ReducedColumns()).All(Each(ReducedRows(b.Reduced)), 0)
	case NDJSON:
		return NewWriter[events.Batch](w.Out, NDJSON, nil).All(Each([]events.Batch{*b}), 0)
	default:
		return WriteJSON(w.Out, b)
	}
}

// resultList prints results of a batch while it runs, or at its end.
type resultList struct {
	*Wait
	out   *Writer[events.Result]
	query events.ResultQuery
}

func (w *Wait) list(id string) *resultList {
	q := events.ResultQuery{Batch: id, Order: events.OrderCommitted, Limit: 500}
	if w.Ordered {
		q.Order = events.OrderIndex
	}
	out := w.Out
	if w.Format == Table || w.Answer { // then the counts are all that is printed
		out = io.Discard
	}
	return &resultList{Wait: w, out: NewWriter(out, w.Format, ResultColumns()), query: q}
}

// more prints what has been committed since the last time.
func (l *resultList) more(ctx context.Context) error {
	if l.Format == Table || l.Ordered || l.Answer {
		return nil
	}
	return l.drain(ctx)
}

func (l *resultList) finish(ctx context.Context) error {
	if l.Format == Table || l.Answer {
		return nil
	}
	if err := l.drain(ctx); err != nil {
		return err
	}
	return l.out.Close()
}

func (l *resultList) drain(ctx context.Context) error {
	for {
		page, err := l.Client.ResultPage(ctx, l.query)
		if err != nil {
			return err
		}
		if len(page.Results) == 0 {
			return nil
		}
		for _, r := range page.Results {
			if err := l.out.Write(r); err != nil {
				return err
			}
		}
		if err := l.out.Flush(); err != nil {
			return err
		}
		l.query.After = page.Next
	}
}

// Each makes a list printable by Writer.All.
func Each[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
	}
}
