package wasm

// linear is the memory of an instance. It grows up to a bound; a program that asks for more is told that there is none, as on a
// machine whose memory is used up.
type linear struct {
	bytes   []byte
	most    uint64
	refused bool
}

// Reallocate makes the memory that long. Nil refuses it.
func (l *linear) Reallocate(size uint64) []byte {
	if size > l.most {
		l.refused = true
		return nil
	}
	if size > uint64(cap(l.bytes)) {
		grown := make([]byte, size, max(size, min(2*uint64(cap(l.bytes)), l.most)))
		copy(grown, l.bytes)
		l.bytes = grown
	}
	l.bytes = l.bytes[:size]
	return l.bytes
}

// Free does nothing: the collector does it, and only when nothing points there any more.
func (l *linear) Free() {}
