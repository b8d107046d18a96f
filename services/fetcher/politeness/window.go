package politeness

// A host earns its concurrency, as a TCP connection does (RFC 5681): what is dead or tiny never has many requests under way.
const (
	firstWindow = 8
	maxWindow   = 1 << 16
)

// window is how many requests a host has under way at most, apart from its limit.
type window struct {
	size float64
	slow bool // it has been too much before, so it grows by 1 per round instead of doubling
}

func newWindow() window { return window{size: firstWindow} }

func (w *window) allows(inflight int) bool { return float64(inflight+1) <= w.size }

// open is for a host that need not earn more than the first answer.
func (w *window) open() { *w = window{size: maxWindow} }

// grow counts an answer that came while so many requests were under way. A window that is not used shows nothing and stays.
func (w *window) grow(inflight int) {
	if 2*float64(inflight) < w.size || w.size >= maxWindow {
		return
	}
	if w.slow {
		w.size += 1 / w.size
	} else {
		w.size++
	}
}

// halve answers a host that says it is too much, with so many requests under way.
func (w *window) halve(inflight int) {
	w.size = max(1, min(w.size, float64(inflight))/2)
	w.slow = true
}
