package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/store/postgres"
	"github.com/fetchmill/fetchmill/internal/store/sqlite"
)

// Synchronous says what a commit of SQLite waits for. PostgreSQL is asked by synchronous_commit, in its own settings or in the URL.
type Synchronous string

// The two levels; package store says what each can lose.
const (
	SynchronousFull   Synchronous = "FULL"   // every commit is synced to disk
	SynchronousNormal Synchronous = "NORMAL" // only checkpoints are
)

// Options tune a database; the zero value is right for a sink.
type Options struct {
	Synchronous Synchronous      // SynchronousFull if empty
	ReadOnly    bool             // read beside a process that writes
	Readers     int              // connections that read at the same time; 4 if zero
	Now         func() time.Time // the clock for the times of batches; time.Now if nil
}

func (o *Options) fill() error {
	switch o.Synchronous {
	case "":
		o.Synchronous = SynchronousFull
	case SynchronousFull, SynchronousNormal:
	default:
		return fmt.Errorf("unknown synchronous level %q: use FULL or NORMAL", string(o.Synchronous))
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

// DB is an open database. Its methods may be called concurrently; writes queue up behind each other, reads do not wait for them.
type DB struct {
	database driver.Database
	now      func() time.Time
	ready    chan struct{}
	bench    *reduceBench
	prepared prepared // targets

	windowBench  *windowBench
	windowCounts windowCounts

	lookAtOnce int // rows
}

// Open opens the database at url, makes its tables if they are not there, and brings them up to date. url is "postgres://…", which pgx
// understands with all its parameters, "sqlite:PATH" or a path. A file can be open for writing in one process at a time: a second gets
// ErrInUse. Any number of processes share a PostgreSQL.
func Open(ctx context.Context, url string, opts Options) (*DB, error) {
	if err := opts.fill(); err != nil {
		return nil, err
	}
	machines := newMachines()
	bench, err := newBench(machines, compileReductions)
	if err != nil {
		return nil, err
	}
	windowBench, err := newBench(machines, compileWindows)
	if err != nil {
		return nil, err
	}
	db := &DB{windowBench: windowBench, now: opts.Now, ready: make(chan struct{}, 1), bench: bench, lookAtOnce: lookAtOnce}
	if isPostgres(url) {
		database, err := postgres.Open(ctx, url, postgres.Options{ReadOnly: opts.ReadOnly, Readers: opts.Readers})
		if err != nil {
			return nil, err
		}
		db.database = database
		return db, nil
	}
	database, err := sqlite.Open(ctx, url, sqlite.Options{Synchronous: string(opts.Synchronous), ReadOnly: opts.ReadOnly, Readers: opts.Readers})
	if err != nil {
		return nil, err
	}
	db.database = database
	return db, nil
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// String names the database for people, without secrets.
func (db *DB) String() string { return db.database.String() }

// Shared tells whether other processes may write to the database, too.
func (db *DB) Shared() bool { return db.database.Shared() }

// Close waits for a running write and closes the database. It must be called once.
func (db *DB) Close() error { return db.database.Close() }
