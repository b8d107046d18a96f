package sink

import "time"

const (
	firstDelay = 50 * time.Millisecond
	maxDelay   = 5 * time.Second
)

// backoff paces the retries of something that must succeed in the end. Its zero value is ready.
type backoff struct{ delay time.Duration }

// next returns how long to wait before the next try.
func (b *backoff) next() time.Duration {
	b.delay = min(max(2*b.delay, firstDelay), maxDelay)
	return b.delay
}
