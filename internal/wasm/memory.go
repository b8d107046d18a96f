package wasm

// linear is the memory of an instance. It grows up to a bound; a program that asks for more is told that there is none, as on a
// machine whose memory is used up.
type linear struct {
	bytes   []byte
	most    uint64
	refused bool
	spares  spares
}

// Reallocate makes the memory that long. Nil refuses it.
func (l *linear) Reallocate(size uint64) []byte {
	if size > l.most {
		l.refused = true
		return nil
	}
	if l.bytes == nil {
		l.bytes = l.spares.take()
	}
	if size > uint64(cap(l.bytes)) {
		grown := make([]byte, size, max(size, min(2*uint64(cap(l.bytes)), l.most)))
		copy(grown, l.bytes)
		l.spares.give(l.bytes)
		l.bytes = grown
	}
	l.bytes = l.bytes[:size]
	return l.bytes
}

// Free does nothing: the runtime may look at the memory afterwards. See release.
func (l *linear) Free() {}

// release gives the memory to the next instance, when nothing uses it any more.
func (l *linear) release() { l.spares.give(l.bytes) }

// spares are memories that were used and are clean again, so that not every run leaves megabytes for the garbage collector.
type spares chan []byte

// spareBytes is the size of the largest memory that is kept.
const spareBytes = 16 << 20

func (s spares) take() []byte {
	select {
	case b := <-s:
		return b[:0]
	default:
		return nil
	}
}

// give keeps a memory, of which the bytes up to its length may have been written to.
func (s spares) give(b []byte) {
	if cap(b) == 0 || cap(b) > spareBytes {
		return
	}
	clear(b)
	select {
	case s <- b:
	default:
	}
}
