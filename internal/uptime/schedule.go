package uptime

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// offset is when in each interval a target's checks are due: anywhere, but for a name always at the same time, so that many targets
// do not bunch, and a restart, another replica or a target more or less changes nothing for the others.
func offset(name string, interval time.Duration) Instant {
	sum := sha256.Sum256([]byte(name))
	return Instant(binary.BigEndian.Uint64(sum[:8]) % uint64(interval.Milliseconds()))
}

// Next is when the first regular check after an instant is due.
func (t *Target) Next(after Instant) Instant {
	return (after - t.offset).Floor(t.Interval()) + t.offset + Instant(t.IntervalMS)
}

// recheck is when to look again before the next regular check, 0 if that comes soon enough. It counts from the end of the check, so that
// one that ran into its timeout is not followed by the next at once.
func (t *Target) recheck(c Check) Instant {
	if t.RecheckMS <= 0 {
		return 0
	}
	at := max(c.At, c.Finished) + Instant(t.RecheckMS)
	if t.Next(c.At) <= at {
		return 0
	}
	return at
}
