package stage

import (
	"math/rand/v2"
	"time"
)

// Backoff is how long to rest between attempts: twice as long each time, up to a limit, with jitter, so that
// what failed together does not come again together.
type Backoff struct {
	First time.Duration // after the first attempt
	Most  time.Duration
}

// Delay returns the rest after so many attempts before this one, between half the full length and the full length.
func (b Backoff) Delay(attempts int) time.Duration {
	full := b.Most
	if attempts = max(0, attempts); b.First <= b.Most>>min(attempts, 62) { // so the shift cannot overflow
		full = b.First << attempts
	}
	return full/2 + rand.N(full/2+1)
}
