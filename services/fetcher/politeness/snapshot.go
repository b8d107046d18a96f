package politeness

import (
	"cmp"
	"slices"
	"time"
)

// State says why a host is not simply asked.
type State string

// The states, the worst first.
const (
	StateBroken  State = "broken"  // it does not answer
	StatePaused  State = "paused"  // it has asked to slow down
	StateLimited State = "limited" // requests wait for their turn
)

// HostStatus is a host that is not simply asked.
type HostStatus struct {
	Host     string        `json:"host"`
	State    State         `json:"state"`
	For      time.Duration `json:"for_ns,omitempty"` // until the next request can try, if that is known
	InFlight int           `json:"in_flight"`
	Waiting  int           `json:"waiting"`
	Window   int           `json:"window"` // requests at the same time that it has earned
	Failures int           `json:"failures,omitempty"`
	Last     string        `json:"last,omitempty"` // what went wrong
}

// maxSnapshot bounds a Snapshot.
const maxSnapshot = 20

// Fetchers is how many fetchers share the limits, this one included.
func (p *Politeness) Fetchers() int { return len(p.roster.view().others) + 1 }

// Snapshot lists the hosts that are broken, paused or limited: the worst first, at most 20.
func (p *Politeness) Snapshot() []HostStatus {
	now := time.Now()
	var list []HostStatus
	p.each(func(h *host) {
		st := HostStatus{
			Host: h.name, InFlight: h.inflight, Waiting: h.waiting.Len(), Window: int(h.window.size),
			Failures: h.circuit.failures, Last: h.circuit.last,
		}
		switch {
		case h.circuit.open:
			st.State, st.For = StateBroken, max(0, h.circuit.until.Sub(now))
		case h.pause.until.After(now):
			st.State, st.For = StatePaused, h.pause.until.Sub(now)
		case st.Waiting > 0:
			st.State = StateLimited
		default:
			return
		}
		list = append(list, st)
		if len(list) >= 64*maxSnapshot {
			list = worst(list)
		}
	})
	return worst(list)
}

func worst(list []HostStatus) []HostStatus {
	order := []State{StateBroken, StatePaused, StateLimited}
	slices.SortFunc(list, func(a, b HostStatus) int {
		return cmp.Or(
			cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State)),
			cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(b.Failures, a.Failures), cmp.Compare(a.Host, b.Host),
		)
	})
	return list[:min(len(list), maxSnapshot)]
}
