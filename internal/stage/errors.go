package stage

import "errors"

// ErrFull means that a stream takes no more messages until some of it has been worked off: slow down and send again.
var ErrFull = errors.New("the stream is full")
