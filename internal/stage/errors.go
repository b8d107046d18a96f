package stage

import (
	"errors"

	"github.com/fetchmill/fetchmill/internal/natsjs"
)

var (
	// ErrFull means that a stream refuses because it has reached its limits. Nothing was stored; trying later may succeed.
	ErrFull = natsjs.ErrFull
	// ErrTooLarge means that a message is larger than the broker accepts.
	ErrTooLarge = natsjs.ErrTooLarge

	errOpName = errors.New("the plan names an operation that no stage can have")
)
