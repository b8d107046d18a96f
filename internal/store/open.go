package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/internal/filelock"
)

// Synchronous says what a commit waits for.
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
	opts   Options
	lock   *os.File // nil when read-only
	writer *writer  // nil when read-only
	read   *sql.DB
	ready  chan struct{}
	closed chan struct{}
}

// Open opens the database at url, makes it if it is not there, and brings its schema up to date. url is "sqlite:PATH" or a path.
// Only one process at a time may have it open for writing: a second gets ErrInUse.
func Open(ctx context.Context, url string, opts Options) (*DB, error) {
	path, err := sqlitePath(url)
	if err != nil {
		return nil, err
	}
	if err := opts.fill(); err != nil {
		return nil, err
	}
	db := &DB{opts: opts, ready: make(chan struct{}, 1), closed: make(chan struct{})}
	if err := db.open(ctx, path); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), db.Close())
	}
	return db, nil
}

func (db *DB) open(ctx context.Context, path string) error {
	var err error
	if !db.opts.ReadOnly {
		if err = os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return err
		}
		if db.lock, err = filelock.Acquire(path + ".lock"); err != nil {
			return err
		}
		if err = migrate(ctx, path, db.opts); err != nil {
			return err
		}
		if db.writer, err = newWriter(ctx, path, db.opts); err != nil {
			return err
		}
	} else if _, err = os.Stat(path); err != nil {
		return err
	}
	if db.read, err = openReaders(path, db.opts); err != nil {
		return err
	}
	if db.opts.ReadOnly {
		return checkVersion(ctx, db.read)
	}
	return nil
}

// Close waits for a running write and closes the database. It must be called once.
func (db *DB) Close() error {
	close(db.closed)
	var errs []error
	if db.read != nil {
		errs = append(errs, db.read.Close())
	}
	if db.writer != nil {
		errs = append(errs, db.writer.close())
	}
	if db.lock != nil { // last: the next process may open it from here on
		errs = append(errs, db.lock.Close())
	}
	return errors.Join(errs...)
}

// OutboxReady receives after a write has put something into the outbox.
func (db *DB) OutboxReady() <-chan struct{} { return db.ready }

// sqlitePath returns the absolute path of the file that url names.
func sqlitePath(url string) (string, error) {
	path, named := strings.CutPrefix(url, "sqlite:")
	if named {
		path = strings.TrimPrefix(path, "//")
	} else if scheme, _, ok := strings.Cut(url, "://"); ok {
		if scheme == "postgres" || scheme == "postgresql" {
			return "", fmt.Errorf("%w: PostgreSQL is not yet supported: use sqlite:PATH", ErrURL)
		}
		return "", fmt.Errorf("%w: unknown scheme %q: use sqlite:PATH", ErrURL, scheme)
	}
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return "", fmt.Errorf("%w: %q names no file: use sqlite:PATH", ErrURL, url)
	}
	return filepath.Abs(path)
}
