// Package topology declares the broker's streams, consumers and buckets as values, and provisions them. Services only
// bind to what exists, so they need no right to create anything.
package topology

import (
	"errors"
	"fmt"
	"time"
)

// Persist says when the broker calls a message stored.
type Persist string

const (
	// PersistDefault acknowledges a publish when the message is in the stream's file.
	PersistDefault Persist = "default"
	// PersistAsync acknowledges before that: faster, and a killed broker may lose what it acknowledged. It breaks the promise
	// that nothing accepted is lost, so it is for work that can be submitted again.
	PersistAsync Persist = "async"
)

// Config is what an operator may set about the topology.
type Config struct {
	Replicas  int           `help:"Copies of each stream in a cluster: 1, 3 or 5." default:"1"`
	MaxBytes  int64         `help:"Most bytes that each of the work streams may hold; beyond it publishing is refused." default:"1073741824"`
	DoneAge   time.Duration `help:"How long announcements of finished items are kept." default:"168h"`
	DoneBytes int64         `help:"Most bytes of announcements that are kept; the oldest go first." default:"1073741824"`
	DeadAge   time.Duration `help:"How long dead letters are kept." default:"720h"`
	BodiesAge time.Duration `help:"How long bodies are kept that are too large to travel in a message." default:"24h"`
	// BodiesBytes is checked by the broker when a body is stored; the fetch is tried again later then.
	BodiesBytes int64 `help:"Most bytes of such bodies that are kept; beyond it storing is refused." default:"1073741824"`
	// DuplicateWindow costs the broker some 200 bytes of memory for each message of that time, in each stream. It saves
	// work that would be done twice; that nothing is counted twice is the database's doing.
	DuplicateWindow time.Duration `help:"How long the broker itself remembers message ids. Beyond it the database knows them, for ever." default:"5s"`
	AckWait         time.Duration `help:"How long after a worker died its messages are delivered again." default:"30s"`
	Persist         Persist       `help:"When a message counts as stored: default or async." enum:"default,async" default:"default"`
}

// Default returns the configuration that the tags of Config describe.
func Default() Config {
	return Config{
		Replicas: 1, MaxBytes: 1 << 30, DoneAge: 7 * 24 * time.Hour, DoneBytes: 1 << 30, DeadAge: 30 * 24 * time.Hour,
		BodiesAge: 24 * time.Hour, BodiesBytes: 1 << 30,
		DuplicateWindow: 5 * time.Second, AckWait: 30 * time.Second, Persist: PersistDefault,
	}
}

// Validate joins all faults of the configuration.
func (c Config) Validate() error {
	var errs []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fault(c.Replicas != 1 && c.Replicas != 3 && c.Replicas != 5, "replicas: %d is not 1, 3 or 5", c.Replicas)
	fault(c.MaxBytes < 1<<20, "max bytes: %d is less than 1 MiB, which one message may have", c.MaxBytes)
	fault(c.DoneBytes < 1<<20, "done bytes: %d is less than 1 MiB, which one message may have", c.DoneBytes)
	fault(c.BodiesBytes < 1<<20, "bodies bytes: %d is less than 1 MiB", c.BodiesBytes)
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"done age", c.DoneAge},
		{"dead age", c.DeadAge},
		{"bodies age", c.BodiesAge},
		{"duplicate window", c.DuplicateWindow},
		{"ack wait", c.AckWait},
	} {
		fault(d.value < time.Second, "%s: %s is less than a second", d.name, d.value)
	}
	fault(c.DoneAge < c.DuplicateWindow, "done age: %s is less than the duplicate window of %s", c.DoneAge, c.DuplicateWindow)
	fault(c.DeadAge < 2*c.AckWait, "dead age: %s is less than twice the ack wait of %s", c.DeadAge, c.AckWait)
	fault(c.Persist != PersistDefault && c.Persist != PersistAsync, "persist: %q is neither default nor async", c.Persist)
	fault(c.Persist == PersistAsync && c.Replicas > 1, "persist: the broker offers async only without replicas, not with %d", c.Replicas)
	return errors.Join(errs...)
}
