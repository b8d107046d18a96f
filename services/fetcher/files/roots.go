package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// DefaultMaxBytes is how large a file may be unless told otherwise: 1 GiB.
const DefaultMaxBytes = 1 << 30

// Config names the folders. The zero value has none, so that every access is refused.
type Config struct {
	Read  []string // NAME=DIR: may be read
	Write []string // NAME=DIR: may be read and written
	// MaxBytes caps each file that is read or written; 0 means DefaultMaxBytes.
	MaxBytes int64
	// Sync flushes a file, and the folder that it is in, to the disk before it counts as written.
	Sync bool
}

// Roots are the folders, open. A nil *Roots has none.
type Roots struct {
	byName map[string]*root
	names  []string
	cfg    Config
}

type root struct {
	name, dir string
	writable  bool
	handle    *os.Root
}

// Open opens all folders, or reports all that is wrong with them. Close it in the end.
func Open(cfg Config) (*Roots, error) {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	r := &Roots{byName: make(map[string]*root), cfg: cfg}
	var faults []error
	if cfg.MaxBytes < 0 {
		faults = append(faults, fmt.Errorf("largest file: %d bytes is negative", cfg.MaxBytes))
	}
	for _, spec := range cfg.Read {
		faults = append(faults, r.add("--read-root", spec, false))
	}
	for _, spec := range cfg.Write {
		faults = append(faults, r.add("--write-root", spec, true))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Roots) add(flag, spec string, writable bool) error {
	name, dir, ok := strings.Cut(spec, "=")
	if !ok || dir == "" {
		return fmt.Errorf("%s %q: write NAME=DIR, such as in=/srv/in", flag, spec)
	}
	if err := events.ValidName(name); err != nil {
		return fmt.Errorf("%s %q: name of the root: %w", flag, spec, err)
	}
	if before, ok := r.byName[name]; ok {
		return fmt.Errorf("%s %q: the root %s is already %s: give each a name of its own (a folder of --write-root can be read, too)", flag, spec, name, before.dir)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("%s %q: %w", flag, spec, err)
	}
	handle, err := os.OpenRoot(abs)
	if err != nil {
		return fmt.Errorf("%s %q: %w; name a folder that is there and can be opened", flag, spec, err)
	}
	r.byName[name] = &root{name: name, dir: abs, writable: writable, handle: handle}
	r.names = append(r.names, name)
	slices.Sort(r.names)
	return nil
}

// Close closes the folders. Files that are open stay so.
func (r *Roots) Close() error {
	if r == nil {
		return nil
	}
	var errs []error
	for _, name := range r.names {
		errs = append(errs, r.byName[name].handle.Close())
	}
	return errors.Join(errs...)
}

// Info describes a root.
type Info struct {
	Name     string // how items call it
	Dir      string // the folder, absolute
	Writable bool
}

// List describes the roots in the order of their names.
func (r *Roots) List() []Info {
	if r == nil {
		return nil
	}
	list := make([]Info, len(r.names))
	for i, name := range r.names {
		at := r.byName[name]
		list[i] = Info{Name: at.name, Dir: at.dir, Writable: at.writable}
	}
	return list
}

func (r *Roots) find(name string, writing bool) (*root, error) {
	flag := "--read-root"
	if writing {
		flag = "--write-root"
	}
	if r == nil || len(r.names) == 0 {
		return nil, ops.Fail(events.ReasonForbiddenTarget, fmt.Errorf(
			"this fetcher has no folder for files: its operator can name one with %s NAME=DIR", flag))
	}
	if name == "" {
		return r.only(writing)
	}
	at, ok := r.byName[name]
	if !ok {
		return nil, ops.Fail(events.ReasonForbiddenTarget, fmt.Errorf(
			"this fetcher has no root called %.60q: there are %s; its operator can add one with %s NAME=DIR", name, r.known(writing), flag))
	}
	if writing && !at.writable {
		return nil, ops.Fail(events.ReasonForbiddenTarget, fmt.Errorf(
			"the root %s may only be read: writable are %s; its operator can change that with --write-root %s=DIR", name, r.known(true), name))
	}
	return at, nil
}

// only is the root that is meant when none is named, which is clear if there is just one.
func (r *Roots) only(writing bool) (*root, error) {
	var found *root
	for _, name := range r.names {
		at := r.byName[name]
		if writing && !at.writable {
			continue
		}
		if found != nil {
			return nil, ops.Fail(events.ReasonMissingParameter, fmt.Errorf("root is missing: there are %s", r.known(writing)))
		}
		found = at
	}
	if found == nil {
		return nil, ops.Fail(events.ReasonForbiddenTarget, errors.New(
			"this fetcher has no folder that may be written: its operator can name one with --write-root NAME=DIR"))
	}
	return found, nil
}

// known lists roots for an error message.
func (r *Roots) known(writable bool) string {
	const most = 20
	var names []string
	for _, name := range r.names {
		if r.byName[name].writable || !writable {
			names = append(names, name)
		}
	}
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > most:
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
