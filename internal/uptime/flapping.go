package uptime

import "math/bits"

// A target flaps from the fourth change between success and failure within its last 20 checks on, until there is at most one.
const (
	flappingChecks  = 20
	flappingChanges = 4
	calmChanges     = 1
)

// remember adds the outcome of a check that counts.
func (s *State) remember(success bool) {
	s.Bits <<= 1
	if success {
		s.Bits |= 1
	}
	s.Bits &= 1<<flappingChecks - 1
	s.Len = min(s.Len+1, flappingChecks)
}

// changes counts how often success and failure have followed each other.
func (s *State) changes() int {
	if s.Len < 2 {
		return 0
	}
	return bits.OnesCount32((s.Bits ^ s.Bits>>1) & (1<<(s.Len-1) - 1))
}
