package host

import (
	"context"
	"time"
)

// Pause waits for d and tells whether ctx is still alive then.
func Pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
