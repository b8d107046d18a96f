package driver

import "errors"

var (
	// ErrReadOnly means that something was to be written to a database opened for reading.
	ErrReadOnly = errors.New("database is open for reading only")
	// ErrURL means that the address of the database cannot be used. The text says what to use instead.
	ErrURL = errors.New("invalid database URL")
	// ErrClosed means that the database has been closed.
	ErrClosed = errors.New("database is closed")
	// ErrBusy means that another process is at it, and that trying again in a moment is right.
	ErrBusy = errors.New("another process is at it")
)
