package jq

import "testing"

// LowerBounds lets tests find out at once what would take a while.
func LowerBounds(t *testing.T) {
	t.Helper()
	operand, heap := maxOperand, maxHeap
	maxOperand, maxHeap = 4<<20, 8<<20
	t.Cleanup(func() { maxOperand, maxHeap = operand, heap })
}
