package files

import (
	"io/fs"
	"os"
	"syscall"
)

// Reader is an open file.
type Reader struct {
	*os.File
	Root string // the name of its root
	name string
	Info fs.FileInfo // as it was when it was opened
}

// Open opens a regular file for reading. Without the name of a root it is the only one that there is. Links are followed as long as they stay below the root. It refuses files over the limit
// on sizes; a file can still grow while it is read.
func (r *Roots) Open(rootName, name string) (*Reader, error) {
	at, err := r.find(rootName, false)
	if err != nil {
		return nil, err
	}
	if err := checkPath(name); err != nil {
		return nil, err
	}
	rootName = at.name
	// Opening a device can do something, so that is looked at before; and again afterwards, since somebody may have changed it.
	info, err := at.handle.Stat(name)
	if err != nil {
		return nil, verdict(reading, rootName, name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(rootName, name, info.Mode())
	}
	f, err := at.handle.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would wait for its writer
	if err != nil {
		return nil, verdict(reading, rootName, name, err)
	}
	switch info, err = f.Stat(); {
	case err != nil:
		err = verdict(reading, rootName, name, err)
	case !info.Mode().IsRegular():
		err = notRegular(rootName, name, info.Mode())
	case info.Size() > r.cfg.MaxBytes:
		err = tooLarge(rootName, name, r.cfg.MaxBytes)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &Reader{File: f, Root: rootName, name: name, Info: info}, nil
}

// Failed is the verdict on an error of reading it.
func (f *Reader) Failed(err error) error { return verdict(reading, f.Root, f.name, err) }
