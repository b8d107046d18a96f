package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Disk is a small file system of its own, which a test can fill to the last byte without harm to anybody else.
type Disk struct {
	Dir string // of all that is on it

	tb      testing.TB
	ballast *os.File
	stop    chan struct{}
	filling sync.WaitGroup
}

// NewDisk makes a disk of so many bytes in memory. The test has to be in a namespace of its own, see Apart.
func NewDisk(tb testing.TB, size int64) *Disk {
	tb.Helper()
	d := &Disk{Dir: tb.TempDir(), tb: tb}
	require.NoError(tb, syscall.Mount("tmpfs", d.Dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)))
	tb.Cleanup(func() {
		d.Free()
		if err := syscall.Unmount(d.Dir, syscall.MNT_DETACH); err != nil {
			tb.Errorf("unmount: %v", err)
		}
	})
	return d
}

// Fill takes all space there is, and goes on taking what others give back, until Free.
func (d *Disk) Fill() {
	d.tb.Helper()
	var err error
	d.ballast, err = os.Create(filepath.Join(d.Dir, "ballast"))
	require.NoError(d.tb, err)
	d.stop = make(chan struct{})
	require.NoError(d.tb, d.take())
	d.filling.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-d.stop:
				return
			case <-tick.C:
				if err := d.take(); err != nil {
					d.tb.Error(err)
					return
				}
			}
		}
	})
}

// take writes until nothing more fits.
func (d *Disk) take() error {
	piece := make([]byte, 64<<10)
	for {
		_, err := d.ballast.Write(piece)
		switch {
		case errors.Is(err, syscall.ENOSPC) && len(piece) == 1:
			return nil
		case errors.Is(err, syscall.ENOSPC):
			piece = piece[:len(piece)/2]
		case err != nil:
			return err
		}
	}
}

// Free gives all space back that Fill has taken.
func (d *Disk) Free() {
	if d.ballast == nil {
		return
	}
	close(d.stop)
	d.filling.Wait()
	if err := errors.Join(d.ballast.Close(), os.Remove(d.ballast.Name())); err != nil {
		d.tb.Errorf("free the disk: %v", err)
	}
	d.ballast = nil
}
