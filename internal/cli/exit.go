package cli

import (
	"errors"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Exit statuses.
const (
	ExitOK     = 0
	ExitError  = 1 // the command could not do its work
	ExitFailed = 2 // it did, and some items failed or were cancelled
)

// Exit ends the process with a status. Its text, if any, is printed.
type Exit struct {
	Code int
	Text string
}

func (e *Exit) Error() string { return e.Text }

// Failed is the exit of a command whose items have not all ended ok. What failed has been printed already.
func Failed() error { return &Exit{Code: ExitFailed} }

// StatusOf is the exit status that an error means.
func StatusOf(err error) int {
	if err == nil {
		return ExitOK
	}
	if e, ok := errors.AsType[*Exit](err); ok {
		return e.Code
	}
	return ExitError
}

// BatchExit is nil if all items of a finished batch ended ok.
func BatchExit(b *events.Batch) error {
	if b.State == events.BatchStateDone && b.Failed == 0 && b.Cancelled == 0 {
		return nil
	}
	return Failed()
}
