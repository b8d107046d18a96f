package client

import (
	"errors"

	"github.com/fetchmill/fetchmill/internal/modules"
	"github.com/fetchmill/fetchmill/internal/wasm"
)

var (
	// ErrNoService means that the service that would answer a request does not run, or is not connected to this broker.
	ErrNoService = errors.New("no service answers")
	// ErrNoStream means that the broker has no stream for this, or JetStream is off.
	ErrNoStream = errors.New("the broker has no such stream")
	// ErrNoBatch means that the sink knows no batch of this name.
	ErrNoBatch = errors.New("no such batch")
	// ErrNoTarget means that no target of this name is watched.
	ErrNoTarget = errors.New("no such target")
	// ErrNoWindow means that the sink knows no window of this id.
	ErrNoWindow = errors.New("no such window")
	// ErrNoDeadLetter means that no dead letter has this number.
	ErrNoDeadLetter = errors.New("no such dead letter")
	// ErrNotReplayable means that a dead letter does not hold work that could be done again.
	ErrNotReplayable = errors.New("cannot be replayed")
	// ErrModule means that something is no module of WebAssembly that can be run.
	ErrModule = wasm.ErrModule
	// ErrNoModule means that there is no module of this name or hash.
	ErrNoModule = modules.ErrNotFound
	// ErrItem means that an item cannot be sent as it is.
	ErrItem = errors.New("invalid item")
)

const (
	startServices = "start one with: fetchmill up; or, on this broker, fetchmill ingest and fetchmill sink"
	makeStreams   = "create the streams with: fetchmill setup --nats URL; or start all with: fetchmill up"
)
