package driver

import (
	"context"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Database is an open database. Its methods may be called concurrently.
type Database interface {
	Reader
	// Write runs fn in a transaction that sees all that were committed before it and overlaps with no other one, be it of another process.
	// ctx can end the wait for its turn. When fn fails, nothing is changed; after any other error it is not certain whether it is.
	Write(ctx context.Context, fn func(context.Context, Tx) error) error
	// Drain passes the oldest rows of a part of the outbox to publish, at most so many, and forgets the first ones, as many as that returns, even
	// if it also fails; it returns how many those were. Publishing holds up no Write. One process at a time drains: the others get ErrBusy.
	Drain(ctx context.Context, part OutboxPart, most int, publish func(context.Context, []OutboxRow) (int, error)) (int, error)
	// Shared tells whether other processes may write, too.
	Shared() bool
	// String names the database for people, without secrets.
	String() string
	// Close waits for a running write. It must be called once.
	Close() error
}

// Reader answers queries with what is committed. What it passes to a function lives on.
type Reader interface {
	// BatchNum returns the number of a batch, or 0 if nobody knows it.
	BatchNum(ctx context.Context, name string) (int64, error)
	// Reach returns the place of the n-th row of the query's walk, whether the query selects it or not; nil if there are fewer rows.
	Reach(ctx context.Context, q Select, n int) (*Place, error)
	// Results passes rows in order until there is no more, or to returns false.
	Results(ctx context.Context, q Select, to func(Row) (more bool, err error)) error
	// Counts returns the sums of a batch, or of everything if it is 0, ordered by recipe, status and reason; all recipes if recipe is "".
	Counts(ctx context.Context, batch int64, recipe string) ([]events.Count, error)
	// Batches returns those with numbers below before, newest first; only the one of that name unless it is "".
	Batches(ctx context.Context, before int64, name string, limit int) ([]Batch, error)
	// Outbox returns the oldest rows.
	Outbox(ctx context.Context, limit int) ([]OutboxRow, error)
	WatchReader
	ReducedReader
	WindowReader
}

// ReducedReader reads what results are reduced to.
type ReducedReader interface {
	// Reductions returns the sets of reductions of these batches, in any order.
	Reductions(ctx context.Context, batches []int64) ([]Reduction, error)
	// Reduced returns all rows of a set, in any order.
	Reduced(ctx context.Context, reduction int64) ([]ReducedRow, error)
}

// Tx is a transaction of Write. Lists that it is given may be empty.
type Tx interface {
	// Take takes n numbers of the sequence that all rows share, and returns the one before them. Some may stay unused.
	Take(n int) int64
	// Batches returns the batches of these names, each of which is there once, in their order, and makes those that do not exist.
	Batches(ctx context.Context, names []string, now int64) ([]Batch, error)
	// Insert stores the rows whose ids are new and tells which those are. No id may be there twice.
	Insert(ctx context.Context, rows []Row) (isNew []bool, err error)
	// Stored returns the rows with these ids, in any order.
	Stored(ctx context.Context, ids []string) ([]Row, error)
	// Borrow stores the loans that are new and tells which those are. None may be there twice.
	Borrow(ctx context.Context, loans []Loan) (isNew []bool, err error)
	// Idle returns unfinished batches that were changed last before then, the longest idle first, at most so many.
	Idle(ctx context.Context, before int64, limit int) ([]Batch, error)
	// Oldest returns the first results of a recipe after a number, at most so many.
	Oldest(ctx context.Context, recipe string, after int64, limit int) ([]Aged, error)
	// Delete deletes results, and the loans of them.
	Delete(ctx context.Context, seqs []int64) error

	UpdateBatches(ctx context.Context, batches []Batch, now int64) error
	// AddCounts adds to the sums. No kind may be there twice.
	AddCounts(ctx context.Context, counts []Count) error
	PutOutbox(ctx context.Context, rows []OutboxRow) error

	ReducedReader
	// AddReductions stores new sets.
	AddReductions(ctx context.Context, list []Reduction) error
	// DropReductions forgets sets, with all their rows.
	DropReductions(ctx context.Context, ids []int64) error
	// ReducedRows returns those of the keys that there are, in any order.
	ReducedRows(ctx context.Context, keys []ReducedKey) ([]ReducedRow, error)
	// LastReduced returns the n rows that sort last among those of the key's set and part with key.Name ≤ name < end, in any order.
	LastReduced(ctx context.Context, from ReducedKey, end string, n int) ([]ReducedRow, error)
	// ChangeReduced deletes rows, and writes others over those that there are. No key may be there twice.
	ChangeReduced(ctx context.Context, drop []ReducedKey, put []ReducedRow) error

	WatchTx
	WindowTx
}
