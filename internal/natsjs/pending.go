package natsjs

import "iter"

// pendingList is the publications that wait for their confirmation, by their consecutive numbers. Confirmations come nearly in
// order, so it is a window that moves along.
type pendingList struct {
	first uint64 // the number of list[0]
	list  []*publication
}

// add takes a publication in and returns its number.
func (p *pendingList) add(pub *publication) uint64 {
	p.list = append(p.list, pub)
	return p.first + uint64(len(p.list)) - 1
}

// take takes a publication out; nil if it is not there any more, or never was.
func (p *pendingList) take(number uint64) *publication {
	i := number - p.first // of a number before the window, very large
	if i >= uint64(len(p.list)) {
		return nil
	}
	pub := p.list[i]
	p.list[i] = nil
	for len(p.list) > 0 && p.list[0] == nil {
		p.list = p.list[1:]
		p.first++
	}
	return pub
}

// all yields what is pending. Publications may be taken out meanwhile.
func (p *pendingList) all() iter.Seq2[uint64, *publication] {
	return func(yield func(uint64, *publication) bool) {
		first, list := p.first, p.list
		for i, pub := range list {
			if pub != nil && !yield(first+uint64(i), pub) {
				return
			}
		}
	}
}
