package uptime

import "time"

// Instant is a time in milliseconds since 1970. Checks are due at such times, and are put in order by them.
type Instant int64

// InstantOf leaves out what is less than a millisecond. The zero time is the Instant 0.
func InstantOf(t time.Time) Instant {
	if t.IsZero() {
		return 0
	}
	return Instant(t.UnixMilli())
}

// Time is the zero time for the Instant 0.
func (i Instant) Time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(i)).UTC()
}

// Add returns the instant after a duration, of which parts of a millisecond do not count.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d.Milliseconds()) }

// Sub is the duration since another instant.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i-j) * time.Millisecond }

// Floor is the latest multiple of d that is not after i. d must be positive and have whole milliseconds.
func (i Instant) Floor(d time.Duration) Instant {
	size := Instant(d.Milliseconds())
	rest := i % size
	if rest < 0 {
		rest += size
	}
	return i - rest
}
