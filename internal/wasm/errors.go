package wasm

import (
	"errors"
	"fmt"
)

var (
	// ErrModule means that the bytes are no module that can be run here. The text says what is wrong with them and what to do.
	ErrModule = errors.New("no module that can be run")
	// ErrTooCostly means that compiling the module takes more time or memory than it may.
	ErrTooCostly = errors.New("module is too costly to compile")
	// ErrCompiling means that the context ended before the module was compiled, which goes on for those who come later.
	ErrCompiling = errors.New("module is still being compiled")
	// ErrTrap means that the program did something impossible, such as reading outside its memory, and was ended.
	ErrTrap = errors.New("program trapped")
	// ErrMemory means that the program needs more memory than it may have.
	ErrMemory = errors.New("program needs more memory than it may have")
	// ErrOutput means that the program wrote more to its standard output than it may.
	ErrOutput = errors.New("program wrote more than it may")
	// ErrInput means that the program's input could not be read to its end.
	ErrInput = errors.New("input cannot be read")
	// ErrClosed means that the engine does not take work any more.
	ErrClosed = errors.New("engine is closed")
)

// fault says what is wrong with a module.
func fault(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrModule, fmt.Errorf(format, args...))
}
