package uptime

import (
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Uptime reckons the shares at an instant. In the store the database sums the days.
func (h History) Uptime(now Instant) events.Uptime {
	return events.Uptime{Day: h.LastDay(now), Week: h.days(now, week), Month: h.days(now, month), Year: h.days(now, year)}
}

func (h History) days(now Instant, length time.Duration) *float64 {
	var sum tally
	from := midnight(now, length)
	for start, b := range h.Days {
		if start >= from {
			sum.add(b.tally)
		}
	}
	return Share(sum[up], sum[down])
}
