package store

import (
	"errors"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/filelock"
	"github.com/fetchmill/fetchmill/internal/store/driver"
)

var (
	// ErrInUse means that another process has the database open for writing.
	ErrInUse = filelock.ErrInUse
	// ErrReadOnly means that something was to be written to a database opened for reading.
	ErrReadOnly = driver.ErrReadOnly
	// ErrEntry means that an entry can never be committed, however often it is tried.
	ErrEntry = errors.New("invalid entry")
	// ErrQuery means that a query cannot be answered as it is. The text says what to ask instead.
	ErrQuery = errors.New("invalid query")
	// ErrURL means that the address of the database cannot be used. The text says what to use instead.
	ErrURL = driver.ErrURL
	// ErrClosed means that the database has been closed.
	ErrClosed = driver.ErrClosed
	// ErrBusy means that another process is draining the outbox.
	ErrBusy = driver.ErrBusy
)

func queryError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrQuery, fmt.Sprintf(format, args...))
}
