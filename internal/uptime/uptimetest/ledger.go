// Package uptimetest keeps what is known about targets in memory: the plain and serial model that databases are compared with.
package uptimetest

import (
	"cmp"
	"context"
	"slices"

	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Ledger is all that is known.
type Ledger struct {
	Policy    uptime.Policy
	Channels  []string
	Targets   map[uint32]*uptime.Target
	States    map[uint32]uptime.State
	Buckets   map[uptime.Key]*uptime.Bucket
	Incidents map[Incident]uptime.Incident
	Outages   []uptime.Outage
	Messages  []uptime.Message
}

// Incident tells incidents apart.
type Incident struct {
	Target uint32
	Since  uptime.Instant
}

// Check is a result as a check of a target.
type Check struct {
	ID     events.CheckID
	Result *events.Result
}

// New makes a ledger of targets.
func New(p uptime.Policy, targets ...*uptime.Target) *Ledger {
	l := &Ledger{
		Policy: p, Targets: map[uint32]*uptime.Target{}, States: map[uint32]uptime.State{}, Buckets: map[uptime.Key]*uptime.Bucket{},
		Incidents: map[Incident]uptime.Incident{},
	}
	for _, t := range targets {
		l.Targets[t.Num] = t
	}
	return l
}

// Commit judges checks together. They must be new.
func (l *Ledger) Commit(checks ...Check) error {
	r := uptime.NewRound()
	r.Policy, r.Sites, r.Channels, r.Outages = l.Policy, l.sites(), l.Channels, slices.Clone(l.Outages)
	r.Seen, r.Answering = l.seen, l.answering
	for _, c := range checks {
		t := l.Targets[c.ID.Target]
		r.Load(t, l.States[t.Num])
	}
	for _, c := range checks {
		r.Add(c.ID.Target, l.Targets[c.ID.Target].Judge(context.Background(), c.ID, c.Result))
	}
	if err := r.Run(); err != nil {
		return err
	}
	l.take(r)
	return nil
}

func (l *Ledger) take(r *uptime.Round) {
	for _, e := range r.Changed() {
		l.States[e.Num] = e.State
	}
	for num, at := range r.Rechecks() {
		s := l.States[num]
		if s.Recheck == 0 || at < s.Recheck {
			s.Recheck = at
		}
		l.States[num] = s
	}
	for key, b := range r.Buckets() {
		if l.Buckets[key] == nil {
			l.Buckets[key] = uptime.NewBucket()
		}
		l.Buckets[key].Merge(b)
	}
	for _, i := range r.Incidents() {
		l.Incidents[Incident{i.Target, i.Since}] = i
	}
	l.Outages = r.Outages
	l.Messages = append(l.Messages, r.Messages()...)
}

func (l *Ledger) sites() int {
	all := map[string]bool{}
	for _, t := range l.Targets {
		all[t.Site] = true
	}
	return len(all)
}

func (l *Ledger) witnesses() []uptime.Witness {
	list := make([]uptime.Witness, 0, len(l.Targets))
	for num, t := range l.Targets {
		s := l.States[num]
		evidence, at := s.Evidence()
		list = append(list, uptime.Witness{Target: num, Site: t.Site, Evidence: evidence, At: at})
	}
	slices.SortFunc(list, func(a, b uptime.Witness) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Target, b.Target)) })
	return list
}

func (l *Ledger) seen(since uptime.Instant) ([]uptime.Witness, error) {
	return slices.DeleteFunc(l.witnesses(), func(w uptime.Witness) bool { return w.At < since || w.Evidence == uptime.SaysNothing }), nil
}

func (l *Ledger) answering(before uptime.Instant, limit int) ([]uptime.Witness, error) {
	list := slices.DeleteFunc(l.witnesses(), func(w uptime.Witness) bool { return w.At >= before || w.Evidence != uptime.Answers })
	return list[:min(limit, len(list))], nil
}

// History is what is kept about a target.
func (l *Ledger) History(num uint32) uptime.History {
	h := uptime.History{Hours: map[uptime.Instant]*uptime.Bucket{}, Days: map[uptime.Instant]*uptime.Bucket{}}
	for key, b := range l.Buckets {
		switch {
		case key.Target != num:
		case key.Size == uptime.Hour:
			h.Hours[key.Start] = b
		default:
			h.Days[key.Start] = b
		}
	}
	return h
}
