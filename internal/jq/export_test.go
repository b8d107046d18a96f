package jq

import "testing"

// LowerHeap lets tests find out at once what would take a while.
func LowerHeap(t *testing.T) {
	t.Helper()
	before := maxHeap
	maxHeap = 16 << 20
	t.Cleanup(func() { maxHeap = before })
}
