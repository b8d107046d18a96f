// Package ingest is the stage that lets work in: it reads what users send over NATS and HTTP, checks it against the recipe, and puts
// it on its way to the fetcher, the cruncher or, if nothing is to be done, the sink. It is the boundary of trust: nothing
// that comes from outside passes it unread, and everything that is refused is answered with a reason.
//
// What decides is free of I/O: it turns a message or a request into messages to publish.
package ingest

import (
	"context"
	"time"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Recipes finds a recipe by its name; the error of an unknown one wraps recipe.ErrUnknown.
type Recipes interface {
	Find(name string) (*recipe.Recipe, error)
}

// Intake decides about what users send. Its methods may be called from many goroutines.
type Intake struct {
	Recipes Recipes
	// MaxMessage is how many bytes the broker takes in one message, headers included; 0 means its default of 1 MiB.
	MaxMessage int
	// Cancel tells the stages that the items of a batch are not to be done any more.
	Cancel func(ctx context.Context, batch string) error
	// Notify keeps on which channels people are told when a batch has ended.
	Notify func(ctx context.Context, batch string, channels []string) error
	// Now tells the time; nil means time.Now.
	Now func() time.Time

	reductions *reductions // nil reads them anew for each item
}

const defaultMaxMessage = 1 << 20

// room is left in a message for headers and for what the stages add to an item.
const room = 64 << 10

func (in *Intake) maxMessage() int {
	if in.MaxMessage > 0 {
		return in.MaxMessage
	}
	return defaultMaxMessage
}

func (in *Intake) now() time.Time {
	if in.Now != nil {
		return in.Now()
	}
	return time.Now()
}

// send accepts an item and makes the message that takes it to its first stage, or the messages of its parts. Errors are of type *Refusal.
func (in *Intake) send(recipeName string, input events.Input, id string, submitted time.Time, reply string) ([]stage.Outgoing, error) {
	it, parts, err := in.accept(recipeName, input, id, submitted)
	if err != nil {
		return nil, err
	}
	c := carry{TraceParent: input.TraceParent, TraceState: input.TraceState, Reply: reply}
	if parts != nil {
		return in.split(it, parts, c)
	}
	out, err := in.route(it, c)
	return []stage.Outgoing{out}, err
}
