package driver

import "time"

// Times outside of these years do not fit into nanoseconds of 64 bits.
var (
	Earliest = time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC)
	Latest   = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Nanos encodes a time; no time is 0, and what does not fit becomes the nearest that does.
func Nanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Before(Earliest):
		t = Earliest
	case t.After(Latest):
		t = Latest
	}
	return t.UnixNano()
}

// Time decodes Nanos, in UTC.
func Time(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}
