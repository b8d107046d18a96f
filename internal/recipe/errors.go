package recipe

import (
	"errors"

	"github.com/fetchmill/fetchmill/pkg/events"
)

var (
	// ErrRecipe means that a document is not a valid recipe. The text says where and what to write instead.
	ErrRecipe = errors.New("invalid recipe")
	// ErrUnknown means that there is no recipe of a name.
	ErrUnknown = errors.New("unknown recipe")
)

// ParamError says which parameter of an item is missing or wrong, and what to send instead.
type ParamError struct {
	Reason events.Reason // ReasonMissingParameter or ReasonInvalidParameter
	Param  string        // empty if no single parameter is to blame
	Err    error
}

func (e *ParamError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *ParamError) Unwrap() error { return e.Err }
