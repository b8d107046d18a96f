package files

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io/fs"
	"os"
	"path"
	"time"
)

// Writer writes a file that has its name only once it is whole. End it with Commit or Abort.
type Writer struct {
	at   *root
	name string
	part string // its name until then, in the same folder
	most int64
	sync bool

	file  *os.File
	sum   hash.Hash
	bytes int64
	ended bool
}

// Written describes a file that was written.
type Written struct {
	Root   string // the name of its root
	Bytes  int64
	SHA256 string    // of its content, in hexadecimal
	Time   time.Time // of its last change, UTC
}

// Create begins a file below a writable root, with the folders that it needs. Without the name of a root it is the only one that may be
// written. Committing it replaces a regular file of that name, so
// that writing the same again ends the same; anything else that has the name is left alone and is an error.
func (r *Roots) Create(rootName, name string) (*Writer, error) {
	at, err := r.find(rootName, true)
	if err != nil {
		return nil, err
	}
	if err := checkPath(name); err != nil {
		return nil, err
	}
	w := &Writer{at: at, name: name, most: r.cfg.MaxBytes, sync: r.cfg.Sync, sum: sha256.New()}
	if err := w.replaceable(); err != nil {
		return nil, err
	}
	folder := path.Dir(name)
	if err := at.handle.MkdirAll(folder, 0o777); err != nil {
		return nil, w.failed(err)
	}
	w.part = path.Join(folder, partPrefix+rand.Text()+".part")
	w.file, err = at.handle.OpenFile(w.part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, w.failed(err)
	}
	return w, nil
}

// replaceable refuses to write where something other than a regular file is.
func (w *Writer) replaceable() error {
	info, err := w.at.handle.Lstat(w.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return w.failed(err)
	case !info.Mode().IsRegular():
		return notRegular(w.at.name, w.name, info.Mode())
	}
	return nil
}

// Write appends to the file. More than the limit on sizes is an error, and so is writing after the end.
func (w *Writer) Write(p []byte) (int, error) {
	if w.ended {
		return 0, w.failed(fs.ErrClosed)
	}
	if int64(len(p)) > w.most-w.bytes {
		return 0, tooLarge(w.at.name, w.name, w.most)
	}
	n, err := w.file.Write(p)
	w.bytes += int64(n)
	_, _ = w.sum.Write(p[:n]) // never fails
	if err != nil {
		return n, w.failed(err)
	}
	return n, nil
}

// Commit gives the file its name. After an error the file of that name is the one that was there before, or, if only flushing it to the
// disk has failed, the new one.
func (w *Writer) Commit() (Written, error) {
	if w.ended {
		return Written{}, w.failed(fs.ErrClosed)
	}
	info, err := w.finish()
	if err == nil {
		err = w.replaceable()
	}
	if err == nil {
		if err = w.at.handle.Rename(w.part, w.name); err != nil {
			err = w.failed(err)
		}
	}
	if err != nil {
		w.Abort()
		return Written{}, err
	}
	w.ended = true
	if w.sync {
		if err := w.syncFolder(); err != nil {
			return Written{}, w.failed(err)
		}
	}
	return Written{Root: w.at.name, Bytes: w.bytes, SHA256: hex.EncodeToString(w.sum.Sum(nil)), Time: info.ModTime().UTC()}, nil
}

// finish closes the file; some file systems tell only then that there is no space.
func (w *Writer) finish() (fs.FileInfo, error) {
	info, err := w.file.Stat()
	if err == nil && w.sync {
		err = w.file.Sync()
	}
	if err = errors.Join(err, w.file.Close()); err != nil {
		return nil, w.failed(err)
	}
	return info, nil
}

// syncFolder makes the name last, too.
func (w *Writer) syncFolder() error {
	folder, err := w.at.handle.Open(path.Dir(w.name))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Abort removes what was written. After Commit, or another Abort, it does nothing.
func (w *Writer) Abort() {
	if w.ended {
		return
	}
	w.ended = true
	_ = w.file.Close()
	_ = w.at.handle.Remove(w.part) // what cannot be removed has a name that nobody reads
}

func (w *Writer) failed(err error) error { return verdict(writing, w.at.name, w.name, err) }
