package host

import "errors"

var (
	// ErrConnect means that no broker could be reached or that it refused us. The text says where, why and what to do.
	ErrConnect = errors.New("cannot connect to NATS")
	// ErrListen means that an address could not be listened on. The text says which flag changes it.
	ErrListen = errors.New("cannot listen")
	// ErrNotStopped means that a component was still running when all time to stop had passed.
	ErrNotStopped = errors.New("did not stop in time")
)
