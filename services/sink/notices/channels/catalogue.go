package channels

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/sink/notices/outlet"
	"github.com/fetchmill/fetchmill/services/sink/notices/wording"
)

// ErrFile means that a file of channels cannot be used. The text says where and what to write instead.
var ErrFile = errors.New("invalid channels")

// Outlet sends messages of one channel.
type Outlet interface {
	// Send sends a message once. Its errors are failures of package outlet.
	Send(ctx context.Context, m outlet.Message) error
	// Audience says who reads a notice: only notices with the same audience can share a message.
	Audience(n *events.Notice) (string, error)
	Close()
}

// Catalogue is all that a file says. A nil Catalogue has nothing. It does not change once made.
type Catalogue struct {
	Channels    []*Channel // in the order of the file
	Batches     []BatchRule
	DeadLetters DeadLetterRule
}

// Channel is one way to tell people.
type Channel struct {
	Name        string
	Kind        string // email, webhook or shoutrrr
	Outlet      Outlet
	Wording     *wording.Wording
	MaxText     int           // bytes
	Concurrency int           // messages on their way at the same time, from one sink
	MaxAge      time.Duration // after it a notice that could not be sent becomes a dead letter
	Digest      Digest
	Pace        Pace
}

// Digest says when notices are put together.
type Digest struct {
	From int // as soon as so many are due; 0 for never
	Most int // in one message
}

// Pace says how fast messages may follow each other.
type Pace struct {
	Burst int           // messages at once
	Every time.Duration // and then one each time; 0 for no limit
}

// BatchRule says who is told about batches that have ended.
type BatchRule struct {
	Channels []string
	Recipes  []string // none means all
	Unwell   bool     // only batches that did not end ok with all items
}

// Applies tells whether a batch is of those.
func (r BatchRule) Applies(b *events.Batch) bool {
	well := b.State == events.BatchStateDone && b.Failed == 0 && b.Cancelled == 0
	return (len(r.Recipes) == 0 || slices.Contains(r.Recipes, b.Recipe)) && (!r.Unwell || !well)
}

// DeadLetterRule says who is told when dead letters become more.
type DeadLetterRule struct {
	Channels []string // none means that nobody is
	At       int      // so many more since the last notice
	Every    time.Duration
}

// Names lists the channels in alphabetical order.
func (c *Catalogue) Names() []string {
	if c == nil {
		return nil
	}
	names := make([]string, len(c.Channels))
	for i, ch := range c.Channels {
		names[i] = ch.Name
	}
	slices.Sort(names)
	return names
}

// Find returns a channel, or nil.
func (c *Catalogue) Find(name string) *Channel {
	if c == nil {
		return nil
	}
	for _, ch := range c.Channels {
		if ch.Name == name {
			return ch
		}
	}
	return nil
}

// String lists the channels with their kinds.
func (c *Catalogue) String() string {
	var list []string
	for _, name := range c.Names() {
		list = append(list, name+" ("+c.Find(name).Kind+")")
	}
	return strings.Join(list, ", ")
}

// Close lets go of what the outlets hold.
func (c *Catalogue) Close() error {
	if c != nil {
		for _, ch := range c.Channels {
			ch.Outlet.Close()
		}
	}
	return nil
}

// BatchRules are those about batches that have ended.
func (c *Catalogue) BatchRules() []BatchRule {
	if c == nil {
		return nil
	}
	return c.Batches
}

// DeadLetterRule is the one about dead letters.
func (c *Catalogue) DeadLetterRule() DeadLetterRule {
	if c == nil {
		return DeadLetterRule{}
	}
	return c.DeadLetters
}
