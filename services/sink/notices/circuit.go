package notices

import (
	"context"
	"sync"
	"time"

	"github.com/fetchmill/fetchmill/internal/stage"
)

// circuit keeps a channel that does not take anything from being asked all the time: after a failure it rests, and then one message at a
// time tries whether it takes some again.
type circuit struct {
	backoff stage.Backoff

	mu       sync.Mutex
	failures int       // one after the other
	until    time.Time // rests
	trying   bool      // somebody tries
	changed  chan struct{}
}

func newCircuit(b stage.Backoff) *circuit {
	return &circuit{backoff: b, changed: make(chan struct{})}
}

// enter waits until a message may be sent, and tells whether ctx is still alive then. leave must follow, after what succeed and fail have to tell.
func (c *circuit) enter(ctx context.Context) bool {
	for {
		c.mu.Lock()
		rest, changed := time.Until(c.until), c.changed
		if c.failures == 0 || (rest <= 0 && !c.trying) {
			c.trying = c.failures > 0
			c.mu.Unlock()
			if ctx.Err() != nil {
				c.leave()
				return false
			}
			return true
		}
		c.mu.Unlock()
		if rest <= 0 {
			rest = time.Hour // somebody else will tell
		}
		t := time.NewTimer(rest)
		select {
		case <-ctx.Done():
			t.Stop()
			return false
		case <-changed:
			t.Stop()
		case <-t.C:
		}
	}
}

// leave says that nothing more is sent by whoever has entered. It does no harm after succeed and fail.
func (c *circuit) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trying = false
	c.tell()
}

// succeed says that the channel takes messages. It returns how many failures there were before.
func (c *circuit) succeed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.failures
	c.failures, c.until, c.trying = 0, time.Time{}, false
	c.tell()
	return before
}

// fail says that it does not, and for how long the receiver asks to be left alone. It returns how many failures there are now, and how
// long the channel rests.
func (c *circuit) fail(atLeast time.Duration) (int, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trying = false
	if rest := time.Until(c.until); c.failures == 0 || rest <= 0 { // what others had under way when it began to rest adds nothing
		c.failures++
		c.until = time.Now().Add(c.backoff.Delay(c.failures - 1))
	}
	if until := time.Now().Add(atLeast); until.After(c.until) {
		c.until = until
	}
	c.tell()
	return c.failures, time.Until(c.until)
}

// resting tells until when the channel rests; the zero time if it does not.
func (c *circuit) resting() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failures == 0 {
		return time.Time{}
	}
	return c.until
}

func (c *circuit) tell() {
	close(c.changed)
	c.changed = make(chan struct{})
}
