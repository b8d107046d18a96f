package governor

import "testing"

// BenchmarkLook is what one look at the machine costs; there are ten in a second.
func BenchmarkLook(b *testing.B) {
	m := newMachine()
	for b.Loop() {
		m.look()
	}
}
