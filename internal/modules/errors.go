package modules

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var (
	// ErrNotFound means that there is no module of this name or hash.
	ErrNotFound = errors.New("no such module")
	// ErrName means that something cannot be the name or hash of a module.
	ErrName = errors.New("invalid name of a module")
	// ErrInUse means that names point to the module.
	ErrInUse = errors.New("names point to it")
	// ErrNoStore means that the broker has no store for modules.
	ErrNoStore = errors.New("the broker has no store for modules")
)

// remedy says what to do when there is no store.
const remedy = "create it with: fetchmill setup --nats URL; or start all with: fetchmill up"

// explain makes errors of the object store errors of this package.
func explain(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrObjectNotFound):
		return fmt.Errorf("%s: %w; see those that there are with: fetchmill wasm ls", doing, ErrNotFound)
	case errors.Is(err, jetstream.ErrBucketNotFound), errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrNoStreamResponse),
		errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("%s: %w: %s", doing, ErrNoStore, remedy)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
