package uptime

import (
	"container/heap"
	"time"
)

// Grace is how late a check may be ordered. One that nobody has ordered by then is skipped: the next one is soon, and what would be found
// out now was not asked for now.
const Grace = 10 * time.Second

// Agenda knows when targets are to be looked at. It is not safe for concurrent use.
type Agenda struct {
	slots    slots
	targets  map[uint32]*Target
	rechecks map[uint32]Instant // not ordered yet
	ordered  map[uint32]Instant // the last recheck that was
	through  Instant            // what was due until then is done with
	skipped  int
}

// Due is a check that is to be ordered.
type Due struct {
	*Target
	At      Instant
	Recheck bool
}

// slot is the next regular check of a target.
type slot struct {
	at     Instant
	target *Target
}

// slots is a heap, the earliest first.
type slots []slot

func (s slots) Len() int           { return len(s) }
func (s slots) Less(i, j int) bool { return s[i].at < s[j].at }
func (s slots) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }

// Push is heap.Interface's.
func (s *slots) Push(x any) { *s = append(*s, x.(slot)) } //nolint:forcetypeassert // only slots are pushed

// Pop is heap.Interface's.
func (s *slots) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}

// NewAgenda makes an agenda of what was not done with before an instant.
func NewAgenda(from Instant) *Agenda {
	return &Agenda{through: from, targets: map[uint32]*Target{}, rechecks: map[uint32]Instant{}, ordered: map[uint32]Instant{}}
}

// Replace makes the targets those of a list, and goes on where the agenda is. judged tells of each target when its last check that was
// judged was due: those up to it need not be ordered again.
func (a *Agenda) Replace(targets []*Target, judged func(i int) Instant) {
	a.slots, a.targets = make(slots, 0, len(targets)), make(map[uint32]*Target, len(targets))
	for i, t := range targets {
		a.targets[t.Num] = t
		a.slots = append(a.slots, slot{t.Next(max(a.through, judged(i))), t})
	}
	heap.Init(&a.slots)
	for num := range a.rechecks {
		if a.targets[num] == nil {
			delete(a.rechecks, num)
		}
	}
	for num := range a.ordered {
		if a.targets[num] == nil {
			delete(a.ordered, num)
		}
	}
}

// Recheck notes that a target is to be looked at between its regular checks. Noting it again changes nothing.
func (a *Agenda) Recheck(target uint32, at Instant) {
	if a.targets[target] != nil && a.ordered[target] != at {
		a.rechecks[target] = at
	}
}

// Due takes off what is due at an instant.
func (a *Agenda) Due(now Instant) []Due {
	var list []Due
	for len(a.slots) > 0 && a.slots[0].at <= now {
		s := a.slots[0]
		if now.Sub(s.at) <= Grace {
			list = append(list, Due{s.target, s.at, false})
			a.slots[0].at = s.target.Next(s.at)
		} else {
			a.slots[0].at = s.target.Next(max(s.at, now.Add(-Grace)-1))
			a.skipped += int((a.slots[0].at - s.at) / Instant(s.target.IntervalMS))
		}
		heap.Fix(&a.slots, 0)
	}
	for num, at := range a.rechecks {
		if at > now {
			continue
		}
		delete(a.rechecks, num)
		if now.Sub(at) <= Grace {
			list = append(list, Due{a.targets[num], at, true})
			a.ordered[num] = at
		}
	}
	a.through = max(a.through, now)
	return list
}

// Next is when something is due next, at the latest at an instant.
func (a *Agenda) Next(latest Instant) Instant {
	if len(a.slots) > 0 {
		latest = min(latest, a.slots[0].at)
	}
	for _, at := range a.rechecks {
		latest = min(latest, at)
	}
	return latest
}

// Skipped is how many regular checks were not ordered because it was too late, since it was asked last.
func (a *Agenda) Skipped() int {
	n := a.skipped
	a.skipped = 0
	return n
}
