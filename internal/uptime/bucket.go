package uptime

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Size is how much time a bucket stands for.
type Size time.Duration

// Hours have their minutes inside. Days are those of UTC.
const (
	Hour Size = Size(time.Hour)
	Day  Size = Size(24 * time.Hour)
)

// Key says which bucket of which target.
type Key struct {
	Target uint32
	Size   Size
	Start  Instant
}

// kind is what a check counts as.
type kind int

const (
	up kind = iota
	down
	maintained
	ours // it failed in an outage of our own
	unknown
	kinds
)

// tally sums up checks, in milliseconds: each regular check stands for the interval that it was made at, so that neither the checks between
// the regular ones nor a changed interval make a difference.
type tally [kinds]int64

func (t *tally) add(u tally) {
	for k := range t {
		t[k] += u[k]
	}
}

// pace is what is known about response times without a sketch.
type pace struct {
	n   int64
	sum time.Duration
	max time.Duration
}

func (p *pace) add(q pace) {
	p.n += q.n
	p.sum += q.sum
	p.max = max(p.max, q.max)
}

func (p pace) mean() time.Duration {
	if p.n == 0 {
		return 0
	}
	return p.sum / time.Duration(p.n)
}

// minute is a part of an hour.
type minute struct {
	tally
	pace
}

// Bucket sums up the checks of an hour or a day. Two of them can be merged in any order.
type Bucket struct {
	tally
	pace
	times   times
	minutes map[int]minute // of hours, by their number
}

// NewBucket makes an empty one.
func NewBucket() *Bucket { return &Bucket{times: newTimes(), minutes: map[int]minute{}} }

// Merge adds the checks of another bucket of the same time.
func (b *Bucket) Merge(o *Bucket) {
	b.tally.add(o.tally)
	b.pace.add(o.pace)
	b.times.merge(o.times)
	for i, m := range o.minutes {
		b.addMinute(i, m)
	}
}

func (b *Bucket) addMinute(i int, m minute) {
	sum := b.minutes[i]
	sum.tally.add(m.tally)
	sum.pace.add(m.pace)
	b.minutes[i] = sum
}

// entry is what one check adds to the buckets.
type entry struct {
	at      Instant
	kind    kind
	weight  time.Duration // 0 for those between the regular ones
	elapsed time.Duration // 0 if it is not to be counted
}

// add counts a check in a bucket of a size.
func (b *Bucket) add(e entry, size Size) {
	m := minute{}
	m.tally[e.kind] = e.weight.Milliseconds()
	if e.elapsed > 0 {
		m.pace = pace{n: 1, sum: e.elapsed, max: e.elapsed}
		b.times.add(e.elapsed)
	}
	b.tally.add(m.tally)
	b.pace.add(m.pace)
	if size == Hour {
		b.addMinute(int(e.at.Sub(e.at.Floor(time.Hour))/time.Minute), m)
	}
}

// Row is a bucket as a database keeps it.
type Row struct {
	Up, Down, Maintained, Ours, Unknown int64 // milliseconds
	Timed                               int64 // checks with a response time
	SumMicros, MaxMicros                int64 // of the response times
	Times, Minutes                      []byte
}

// Row encodes the bucket.
func (b *Bucket) Row() Row {
	return Row{
		Up: b.tally[up], Down: b.tally[down], Maintained: b.tally[maintained], Ours: b.tally[ours], Unknown: b.tally[unknown],
		Timed: b.n, SumMicros: b.sum.Microseconds(), MaxMicros: b.max.Microseconds(),
		Times: b.times.encode(), Minutes: b.encodeMinutes(),
	}
}

// Bucket decodes the row.
func (r Row) Bucket() (*Bucket, error) {
	b := &Bucket{
		tally:   tally{up: r.Up, down: r.Down, maintained: r.Maintained, ours: r.Ours, unknown: r.Unknown},
		pace:    pace{r.Timed, time.Duration(r.SumMicros) * time.Microsecond, time.Duration(r.MaxMicros) * time.Microsecond},
		minutes: map[int]minute{},
	}
	var err error
	if b.times, err = decodeTimes(r.Times); err != nil {
		return nil, err
	}
	if err := b.decodeMinutes(r.Minutes); err != nil {
		return nil, err
	}
	return b, nil
}

// encodeMinutes writes each minute as its number and what is in it, as unsigned varints: most of it is small or zero.
func (b *Bucket) encodeMinutes() []byte {
	var data []byte
	for _, i := range slices.Sorted(maps.Keys(b.minutes)) {
		m := b.minutes[i]
		data = binary.AppendUvarint(data, uint64(i))
		for _, n := range m.tally {
			data = binary.AppendUvarint(data, uint64(n))
		}
		for _, n := range []int64{m.n, m.sum.Microseconds(), m.max.Microseconds()} {
			data = binary.AppendUvarint(data, uint64(n))
		}
	}
	return data
}

// maxField is more than any sum of an hour, and so small that sums and units cannot overflow.
const maxField = 1 << 45

var errMinutes = errors.New("the minutes of an hour cannot be read")

func (b *Bucket) decodeMinutes(data []byte) error {
	const fields = 1 + int(kinds) + 3
	for len(data) > 0 {
		var f [fields]int64
		for k := range f {
			n, size := binary.Uvarint(data)
			if size <= 0 || n > maxField {
				return errMinutes
			}
			f[k], data = int64(n), data[size:]
		}
		if f[0] > 59 {
			return errMinutes
		}
		var m minute
		copy(m.tally[:], f[1:])
		rest := f[1+int(kinds):]
		m.pace = pace{rest[0], time.Duration(rest[1]) * time.Microsecond, time.Duration(rest[2]) * time.Microsecond}
		b.minutes[int(f[0])] = m
	}
	return nil
}

// Share is the part of the time that counts in which a target was up; nil if nothing counts.
func Share(up, down int64) *float64 {
	if up+down == 0 {
		return nil
	}
	s := float64(up) / float64(up+down)
	return &s
}

// span describes the sum for people.
func (t tally) span(start Instant, p pace) events.UptimeSpan {
	return events.UptimeSpan{
		Start: start.Time(), UpMS: t[up], DownMS: t[down], MaintainedMS: t[maintained], OutageMS: t[ours], UnknownMS: t[unknown],
		MeanMS: round(milliseconds(p.mean())), MaxMS: round(milliseconds(p.max)),
	}
}
