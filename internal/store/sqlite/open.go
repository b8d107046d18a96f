package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/fetchmill/fetchmill/internal/filelock"
	"github.com/fetchmill/fetchmill/internal/store/driver"
)

// Options tune a database.
type Options struct {
	Synchronous string // FULL or NORMAL
	ReadOnly    bool   // read beside a process that writes
	Readers     int    // connections that read at the same time
}

// DB is an open file. Writes queue up behind each other, reads do not wait for them.
type DB struct {
	path   string
	lock   *os.File // nil when read-only
	writer *writer  // nil when read-only
	read   *sql.DB
	closed chan struct{}
}

// Open opens the file at address, makes it if it is not there, and brings its schema up to date. address is "sqlite:PATH" or a path.
// Only one process at a time may have it open for writing: a second gets filelock.ErrInUse.
func Open(ctx context.Context, address string, opts Options) (*DB, error) {
	path, err := pathOf(address)
	if err != nil {
		return nil, err
	}
	db := &DB{path: path, closed: make(chan struct{})}
	if err := db.open(ctx, opts); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), db.Close())
	}
	return db, nil
}

func (db *DB) open(ctx context.Context, opts Options) error {
	var err error
	if !opts.ReadOnly {
		if err = os.MkdirAll(filepath.Dir(db.path), 0o750); err != nil {
			return err
		}
		if db.lock, err = filelock.Acquire(db.path + ".lock"); err != nil {
			if errors.Is(err, filelock.ErrInUse) {
				err = fmt.Errorf("%w; several sinks need a database that they can share: --db postgres://…", err)
			}
			return err
		}
		if err = migrate(ctx, db.path, opts); err != nil {
			return err
		}
		if db.writer, err = newWriter(ctx, db.path, opts); err != nil {
			return err
		}
	} else if _, err = os.Stat(db.path); err != nil {
		return err
	}
	if db.read, err = openReaders(db.path, opts); err != nil {
		return err
	}
	if opts.ReadOnly {
		return checkVersion(ctx, db.read)
	}
	return nil
}

// Close is driver.Database's.
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

// Shared is driver.Database's.
func (*DB) Shared() bool { return false }

func (db *DB) String() string { return db.path }

// pathOf returns the absolute path of the file that address names.
func pathOf(address string) (string, error) {
	path, named := strings.CutPrefix(address, "sqlite:")
	if named {
		path = strings.TrimPrefix(path, "//")
	} else if scheme, _, ok := strings.Cut(address, "://"); ok {
		return "", fmt.Errorf("%w: unknown scheme %.20q: use postgres://USER@HOST/DATABASE or sqlite:PATH", driver.ErrURL, scheme)
	}
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return "", fmt.Errorf("%w: %q names no file: use sqlite:PATH", driver.ErrURL, address)
	}
	return filepath.Abs(path)
}

// openFile opens a file with the given pragmas. The path is escaped, so that any file name works.
func openFile(path string, query url.Values, pragmas ...string) (*sql.DB, error) {
	query["_pragma"] = pragmas
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	return sql.Open("sqlite", dsn.String())
}

// openWriter opens the one connection that writes. Ids are random, so nearly every row changes a page of their index that no other row of its
// transaction does, and once the index is large that is what costs: each such page is written to the log, and by the next checkpoint
// to the file. A checkpoint every 64 MiB instead of every 4 writes pages that were changed more than once only once, and the cache holds
// what a checkpoint is about; for a million rows both together took a fifth off the CPU time and off the bytes written.
func openWriter(path string, opts Options) (*sql.DB, error) {
	db, err := openFile(path, url.Values{},
		"busy_timeout(5000)", "journal_mode(WAL)", fmt.Sprintf("synchronous(%s)", opts.Synchronous),
		"wal_autocheckpoint(16384)", "journal_size_limit(67108864)", "cache_size(-65536)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

func openReaders(path string, opts Options) (*sql.DB, error) {
	db, err := openFile(path, url.Values{"mode": {"ro"}}, "busy_timeout(5000)", "query_only(ON)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(opts.Readers)
	db.SetMaxIdleConns(opts.Readers)
	return db, nil
}
