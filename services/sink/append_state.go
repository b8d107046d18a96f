package sink

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"time"
)

const (
	appendStateFile = ".fetchmill-append.json"
	appendLockFile  = ".fetchmill-append.lock"
	// appendRemembered is for how long the length of a file is noted after its day: results that come later are appended to it as it is then.
	appendRemembered = 48 * time.Hour
)

// appendState is how far results are in the files.
type appendState struct {
	After string           `json:"after"` // the place of the last one in the order of commits
	Files map[string]int64 `json:"files"` // how long those are that were written last, in bytes
}

func readAppendState(root *os.Root) (s appendState, err error) {
	data, err := root.ReadFile(appendStateFile)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return appendState{Files: map[string]int64{}}, nil
	case err != nil:
		return s, err
	}
	return parseAppendState(data)
}

func parseAppendState(data []byte) (s appendState, err error) {
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%s, which says how far the files are, cannot be read: %w; use a new folder", appendStateFile, err)
	}
	if s.Files == nil {
		s.Files = map[string]int64{}
	}
	for name, size := range s.Files {
		if size < 0 || path.Ext(name) != ".ndjson" {
			return s, fmt.Errorf("%s says that %.80q has %d bytes, which cannot be; use a new folder", appendStateFile, name, size)
		}
	}
	return s, nil
}

func (s appendState) clone() appendState {
	s.Files = maps.Clone(s.Files)
	return s
}

// forget drops the files of past days, which are complete as far as they were noted.
func (s appendState) forget(now time.Time) {
	for name := range s.Files {
		day, err := time.Parse(time.DateOnly+".ndjson", path.Base(name))
		if err != nil || now.Sub(day) > 24*time.Hour+appendRemembered {
			delete(s.Files, name)
		}
	}
}

// write replaces the note. It is on the disk when it returns.
func (s appendState) write(root *os.Root) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	const temporary = appendStateFile + ".new"
	f, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := root.Rename(temporary, appendStateFile); err != nil {
		return err
	}
	return syncDir(root, ".")
}

// syncDir makes the names in a folder survive a loss of power.
func syncDir(root *os.Root, name string) error {
	dir, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
