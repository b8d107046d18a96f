package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/fetchmill/fetchmill/internal/filelock"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	// appendEvery is how often it is looked for new results when all are in the files.
	appendEvery = time.Second
	// appendAtOnce is how many go into the files between two notes of how far they are.
	appendAtOnce = 1000
)

// Append writes every result once into files of a folder, one for each recipe and day (UTC) on which results finished: RECIPE/2026-01-31.ndjson.
// It reads what is committed, and notes durably how far it is and how long its files are; what a crash has left behind that is cut off
// before it goes on. So the files have each result exactly once, whatever is killed when.
type Append struct {
	db    *store.DB
	root  *os.Root
	lock  *os.File
	state appendState
	log   *slog.Logger
	every time.Duration
	now   func() time.Time
}

// NewAppend opens the folder, makes it if it is not there, and puts right what a crash has left. Close it in the end.
func NewAppend(db *store.DB, dir string, log *slog.Logger) (*Append, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("folder for results: %w", err)
	}
	lock, err := filelock.Acquire(filepath.Join(dir, appendLockFile))
	if errors.Is(err, filelock.ErrInUse) {
		return nil, fmt.Errorf("folder for results %s: %w: each sink needs a folder of its own", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("folder for results: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("folder for results: %w", err), lock.Close())
	}
	a := &Append{db: db, root: root, lock: lock, log: log, every: appendEvery, now: time.Now}
	if a.state, err = readAppendState(root); err == nil {
		err = a.cut()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("folder for results %s: %w", dir, err), a.Close())
	}
	return a, nil
}

// Close closes the folder.
func (a *Append) Close() error { return errors.Join(a.root.Close(), a.lock.Close()) }

// cut takes off what was written after the last note. A file that has been taken away is begun anew.
func (a *Append) cut() error {
	for name, size := range a.state.Files {
		f, err := a.root.OpenFile(name, os.O_WRONLY, 0)
		if errors.Is(err, os.ErrNotExist) {
			a.state.Files[name] = 0
			continue
		}
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is no regular file", name)
		}
		if err == nil && info.Size() > size {
			err = errors.Join(f.Truncate(size), f.Sync())
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Run appends until ctx ends.
func (a *Append) Run(ctx context.Context) {
	var wait backoff
	for ctx.Err() == nil {
		n, err := a.step(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			delay := wait.next()
			a.log.Error("cannot append results to files; trying until it succeeds", logError, err, logRetryIn, delay)
			host.Pause(ctx, delay)
		case n == 0:
			wait = backoff{}
			host.Pause(ctx, a.every)
		default:
			wait = backoff{}
		}
	}
}

// step appends the next results, and returns how many those were.
func (a *Append) step(ctx context.Context) (int, error) {
	page, err := a.db.Results(ctx, events.ResultQuery{After: a.state.After, Limit: appendAtOnce})
	if err != nil || len(page.Results) == 0 {
		return 0, err
	}
	texts := map[string]*bytes.Buffer{}
	for i := range page.Results {
		r := &page.Results[i]
		data, err := encode(r)
		if err != nil {
			return 0, fmt.Errorf("encode result %s: %w", r.ID, err)
		}
		name := appendFile(r)
		if texts[name] == nil {
			texts[name] = new(bytes.Buffer)
		}
		texts[name].Write(data)
		texts[name].WriteByte('\n')
	}
	next := a.state.clone()
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if _, known := next.Files[name]; !known {
			// Noted before it is there, so that whatever a crash leaves of it is known to be ours.
			if err := a.begin(name); err != nil {
				return 0, err
			}
			next.Files[name] = a.state.Files[name]
		}
		if next.Files[name], err = a.write(name, next.Files[name], texts[name].Bytes()); err != nil {
			return 0, err
		}
	}
	next.After = page.Next
	next.forget(a.now())
	if err := next.write(a.root); err != nil {
		return 0, err
	}
	a.state = next
	return len(page.Results), nil
}

// begin notes a file, with the length that it has if it is there.
func (a *Append) begin(name string) error {
	if err := a.root.MkdirAll(path.Dir(name), 0o750); err != nil {
		return err
	}
	state := a.state.clone()
	state.Files[name] = 0
	switch info, err := a.root.Stat(name); {
	case err == nil:
		state.Files[name] = info.Size()
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	if err := state.write(a.root); err != nil {
		return err
	}
	a.state = state
	f, err := a.root.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), syncDir(a.root, path.Dir(name))) // what is noted of it later must not be lost with its name
}

// write puts text at the place where a file ends, over what an attempt that failed has left there, and returns where it ends then.
func (a *Append) write(name string, at int64, text []byte) (end int64, err error) {
	f, err := a.root.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o640)
	if err != nil {
		return at, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return at, err
	case !info.Mode().IsRegular():
		return at, fmt.Errorf("%s is no regular file", name)
	case info.Size() < at: // somebody has taken it away, or emptied it
		at = info.Size()
	case info.Size() > at:
		if err := f.Truncate(at); err != nil {
			return at, err
		}
	}
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return at, err
	}
	if _, err := f.Write(text); err != nil {
		return at, err
	}
	return at + int64(len(text)), f.Sync()
}

// appendFile is where a result goes. Names of recipes are safe in paths: they are letters, digits, '-' and '_'.
func appendFile(r *events.Result) string {
	return path.Join(r.Recipe, r.Finished.UTC().Format(time.DateOnly)+".ndjson")
}
