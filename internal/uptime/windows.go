package uptime

import (
	"maps"
	"slices"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// The times for which people want to know the share, beside 24 hours. They begin at a midnight of UTC, so they are up to a day longer.
const (
	week  = 7 * 24 * time.Hour
	month = 30 * 24 * time.Hour
	year  = 365 * 24 * time.Hour
)

// HistoryFrom is when the buckets of a size begin that the shares at an instant are reckoned from.
func HistoryFrom(size Size, now Instant) Instant {
	if size == Hour {
		return now.Add(-24 * time.Hour).Floor(time.Hour)
	}
	return midnight(now, year)
}

// DaysFrom is when the days begin that 7, 30 and 365 days are reckoned from.
func DaysFrom(now Instant) [3]Instant {
	return [3]Instant{midnight(now, week), midnight(now, month), midnight(now, year)}
}

func midnight(now Instant, ago time.Duration) Instant { return now.Add(-ago).Floor(24 * time.Hour) }

// History is what is kept about one target.
type History struct {
	Hours map[Instant]*Bucket // by their beginning
	Days  map[Instant]*Bucket
}

// NewHistory makes an empty one.
func NewHistory() History { return History{Hours: map[Instant]*Bucket{}, Days: map[Instant]*Bucket{}} }

// Add adds a bucket.
func (h History) Add(size Size, start Instant, b *Bucket) {
	if size == Hour {
		h.Hours[start] = b
	} else {
		h.Days[start] = b
	}
}

// LastDay is the share of 24 hours, to the minute.
func (h History) LastDay(now Instant) *float64 {
	var sum tally
	from := now.Add(-24 * time.Hour).Floor(time.Minute)
	for start, b := range h.Hours {
		if start >= from {
			sum.add(b.tally)
			continue
		}
		for i, m := range b.minutes {
			if start.Add(time.Duration(i)*time.Minute) >= from {
				sum.add(m.tally)
			}
		}
	}
	return Share(sum[up], sum[down])
}

// Times are the quantiles of the response times in the hours.
func (h History) Times() events.ResponseTimes {
	all := newTimes()
	for _, b := range h.Hours {
		all.merge(b.times)
	}
	return all.quantiles()
}

// Spans lists buckets from an instant on, the oldest first.
func Spans(buckets map[Instant]*Bucket, from Instant) []events.UptimeSpan {
	list := []events.UptimeSpan{}
	for _, start := range slices.Sorted(maps.Keys(buckets)) {
		if start < from {
			continue
		}
		b := buckets[start]
		s := b.span(start, b.pace)
		if b.n > 0 {
			q := b.times.quantiles()
			s.Times = &q
		}
		list = append(list, s)
	}
	return list
}

// MinuteSpans lists the minutes of hours from an instant on, the oldest first.
func MinuteSpans(hours map[Instant]*Bucket, from Instant) []events.UptimeSpan {
	list := []events.UptimeSpan{}
	for _, start := range slices.Sorted(maps.Keys(hours)) {
		for _, i := range slices.Sorted(maps.Keys(hours[start].minutes)) {
			m := hours[start].minutes[i]
			if at := start.Add(time.Duration(i) * time.Minute); at >= from {
				list = append(list, m.span(at, m.pace))
			}
		}
	}
	return list
}
