package driver

import (
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Select is a query for a page of results, checked and complete. Its rows are found by walking along one index, from After on.
type Select struct {
	events.ResultQuery
	Num   int64 // of ResultQuery.Batch
	After Place
	To    *Place // the last place to look at; nil is the end
}

// Place is a place in a walk: that of the row with this major number (of a Walk that has one) and sequence.
type Place struct{ Major, Seq int64 }

// Walk is by what rows are ordered; within that by their sequence.
type Walk int

// The ways to walk.
const (
	BySeq      Walk = iota
	ByIndex         // the index in the batch
	ByFinished      // the time
)

// Walk tells how the query walks.
func (q *Select) Walk() Walk {
	switch {
	case q.Order == events.OrderIndex:
		return ByIndex
	case q.ID == "" && q.Batch == "" && (q.Host != "" || q.timed()):
		return ByFinished
	default:
		return BySeq
	}
}

// Down tells whether the query walks from the end.
func (q *Select) Down() bool { return q.Order == events.OrderNewest }

// Before tells whether the walk comes to one place before it comes to another.
func (q *Select) Before(a, b Place) bool {
	if q.Down() {
		a, b = b, a
	}
	return a.Major < b.Major || a.Major == b.Major && a.Seq < b.Seq
}

func (q *Select) timed() bool { return !q.Since.IsZero() || !q.Until.IsZero() }

// finished is the range of times, both ends included.
func (q *Select) finished() (from, to int64) {
	from, to = Nanos(Earliest), Nanos(Latest)
	if !q.Since.IsZero() {
		from = Nanos(q.Since)
	}
	if !q.Until.IsZero() {
		to = Nanos(q.Until.Add(-time.Nanosecond))
	}
	return from, to
}

// Sieved tells whether rows along the walk may be left out, so that looking for some can take any number of them.
func (q *Select) Sieved() bool {
	if q.ID != "" {
		return false
	}
	index := q.Index()
	return q.Text != "" || q.Status != "" || q.Reason != "" || q.Recipe != "" && index != IndexRecipe || q.Host != "" && index != IndexHost || q.timed() && q.Walk() != ByFinished
}

// Apart tells whether the rows along the walk may lie anywhere in the table: they are found by an index, which has them in another order, or has
// few of them.
func (q *Select) Apart() bool { return q.Index() != IndexSeq }

// Index is what the query finds its rows by: one of the indexes of results.
type Index string

// The indexes.
const (
	IndexID       Index = "id" // whatever the database calls it
	IndexBatch    Index = "results_batch"
	IndexBatchIdx Index = "results_batch_idx"
	IndexHost     Index = "results_host"
	IndexFinished Index = "results_finished"
	IndexNotOK    Index = "results_not_ok"
	IndexRecipe   Index = "results_recipe"
	IndexSeq      Index = "" // the order of the table
)

// Index tells which of them it is.
func (q *Select) Index() Index {
	switch {
	case q.ID != "":
		return IndexID
	case q.Batch != "" && q.Order == events.OrderIndex:
		return IndexBatchIdx
	case q.Batch != "":
		return IndexBatch
	case q.Host != "":
		return IndexHost
	case q.timed():
		return IndexFinished
	case q.Reason != "" || q.Status != "" && q.Status != events.StatusOK:
		return IndexNotOK
	case q.Recipe != "":
		return IndexRecipe
	default:
		return IndexSeq
	}
}
