package governor

import "math"

const (
	// leastEach is the least that an item is reckoned with: it has a goroutine and its message.
	leastEach = 8 << 10
	// firstEach is what an item is reckoned with until that has been measured: a fetch in flight over HTTP takes 48 KiB.
	firstEach = 64 << 10
	// fading is what is left of a measurement's weight when the next one comes.
	fading = 0.9
	// variety is how much the number of items must have varied, as a share of it, for their memory to be told from everything else.
	variety = 0.2
)

// memory measures how much of it an item takes, as the slope of what is in use over the number of items: what else is in the process does
// not count. Each garbage collection is a measurement, as what is live is known only then.
type memory struct {
	budget int64 // bytes for all items

	collections     uint64
	n, x, y, xx, xy float64 // weighted sums; x is the number of items, y what is in use
	each            float64 // bytes of an item; 0 if it has not been measured
}

// room returns how many workers there is memory for. Items that are parked take memory, too.
func (m *memory) room(s heap, working, parked int) int {
	items := working + parked
	if s.collections != m.collections {
		m.collections = s.collections
		m.add(float64(items), float64(s.used))
	}
	each := m.each
	if each == 0 {
		each = firstEach
	}
	fit := float64(m.budget) / each
	// What the rest of the process takes must leave the items their share, or there is a leak somewhere that fewer items may stop.
	if s.used > 2*m.budget {
		fit = min(fit, float64(items)*backOff)
	}
	return int(min(fit, math.MaxInt32)) - parked
}

// add takes in a measurement.
func (m *memory) add(items, used float64) {
	for _, sum := range []*float64{&m.n, &m.x, &m.y, &m.xx, &m.xy} {
		*sum *= fading
	}
	m.n++
	m.x += items
	m.y += used
	m.xx += items * items
	m.xy += items * used
	mean := m.x / m.n
	variance := m.xx/m.n - mean*mean
	if deviation := max(1, variety*mean); variance < deviation*deviation {
		return
	}
	m.each = max(leastEach, (m.xy/m.n-mean*m.y/m.n)/variance)
}
