package main

import (
	"fmt"
	"time"
)

// moment is a flag for a point in time: how long ago it was, or RFC 3339.
type moment struct{ time.Time }

// UnmarshalText is encoding.TextUnmarshaler's.
func (m *moment) UnmarshalText(text []byte) error {
	if ago, err := time.ParseDuration(string(text)); err == nil {
		if ago <= 0 {
			return fmt.Errorf("%s is not in the past: write how long ago it was, such as 24h", text)
		}
		m.Time = time.Now().Add(-ago)
		return nil
	}
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return fmt.Errorf("%.40q is no time: write how long ago it was, such as 24h, or the time as 2026-01-31T12:00:00Z", text)
	}
	m.Time = at
	return nil
}
