package events

import "errors"

var (
	// ErrName means that a recipe or batch name has characters that cannot stand in a subject or key.
	ErrName = errors.New("invalid name")
	// ErrRecord means that a message between services is not what the contract says.
	ErrRecord = errors.New("invalid record")
	// ErrInput means that what a user sent cannot be read. The text says what to send instead.
	ErrInput = errors.New("invalid input")
)
