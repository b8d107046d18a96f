package natsjs

// heldSet is the messages that a subscription holds: buffered, in flight or unconfirmed. Each knows its place in the list, so
// adding and removing cost no hashing; there are two of each for every message.
type heldSet struct{ list []*Delivery }

func (h *heldSet) add(d *Delivery) {
	h.list = append(h.list, d)
	d.held = len(h.list) // from 1, so that the zero value is in no set
}

// remove reports false if the message was not held.
func (h *heldSet) remove(d *Delivery) bool {
	if d.held == 0 {
		return false
	}
	last := h.list[len(h.list)-1]
	h.list[d.held-1], last.held = last, d.held
	h.list[len(h.list)-1] = nil
	h.list = h.list[:len(h.list)-1]
	d.held = 0
	return true
}
