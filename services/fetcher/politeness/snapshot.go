package politeness

import (
	"cmp"
	"slices"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// maxSnapshot bounds a Snapshot.
const maxSnapshot = 20

// Fetchers is how many fetchers share the limits, this one included.
func (p *Politeness) Fetchers() int { return len(p.roster.view().others) + 1 }

// Snapshot lists the hosts that are broken, paused or limited: the worst first, at most 20.
func (p *Politeness) Snapshot() []events.HostStatus {
	now := time.Now()
	var list []events.HostStatus
	p.each(func(h *host) {
		st := events.HostStatus{
			Host: h.name, InFlight: h.inflight, Waiting: h.waiting.Len(), Window: int(h.window.size),
			Failures: h.circuit.failures, Last: h.circuit.last,
		}
		switch {
		case h.circuit.open:
			st.State, st.For = events.HostBroken, max(0, h.circuit.until.Sub(now))
		case h.pause.until.After(now):
			st.State, st.For = events.HostPaused, h.pause.until.Sub(now)
		case st.Waiting > 0:
			st.State = events.HostLimited
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

func worst(list []events.HostStatus) []events.HostStatus {
	order := []events.HostState{events.HostBroken, events.HostPaused, events.HostLimited}
	slices.SortFunc(list, func(a, b events.HostStatus) int {
		return cmp.Or(
			cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State)),
			cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(b.Failures, a.Failures), cmp.Compare(a.Host, b.Host),
		)
	})
	return list[:min(len(list), maxSnapshot)]
}
