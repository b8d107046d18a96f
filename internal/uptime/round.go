package uptime

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Round judges the checks of one transaction. Load the targets that they are of, Add the checks, give it the outages from From on, and Run
// it; then write what it says has changed.
type Round struct {
	Policy  Policy
	Sites   int      // that are watched at all
	Now     Instant  // by the clock; what was judged for later is from before the clock was put back. 0 believes everything
	Outages []Outage // that may cover what is judged, the oldest first; Run changes them and adds to them
	// Channels are all on which owners are told: those of outages of our own, if the policy has none.
	Channels []string

	// Seen lists what targets say, and have said since an instant or later. Those of the round may be left out.
	Seen func(since Instant) ([]Witness, error)
	// Answering lists targets that answer and have said so before an instant, those longest ago first, and then in the order of their numbers.
	// Those of the round may be left out.
	Answering func(before Instant, limit int) ([]Witness, error)

	entries map[uint32]*Entry
	queue   []queued
	seen    []Witness // from outside of the round, since seenFrom; nil if nobody has asked
	from    Instant
	asked   bool

	buckets   map[Key]*Bucket
	incidents map[incidentKey]Incident
	outages   map[Instant]bool // by their beginning: those that have changed
	rechecks  map[uint32]Instant
	messages  []Message
	err       error
}

// Entry is a target of a round.
type Entry struct {
	*Target
	State State
	dirty bool
}

type queued struct {
	entry *Entry
	check Check
}

// Incident is a time in which a target was down.
type Incident struct {
	Target uint32
	Since  Instant
	Until  Instant // 0 while it lasts
	Cause  string
	End    string // how it ended
}

type incidentKey struct {
	target uint32
	since  Instant
}

// How incidents end.
const (
	EndUp      = "up"
	EndPaused  = "paused"
	EndRemoved = "removed"
)

// EndIncident is the incident of a target that is down and no longer looked at.
func (s *State) EndIncident(target uint32, now Instant, how string) Incident {
	return Incident{Target: target, Since: s.Down.Since, Until: max(now, s.Down.Since), Cause: s.Down.Cause, End: how}
}

// Message tells of the end of the incident of a target that is no longer looked at.
func (i Incident) Message(t *events.Target, change events.TargetChange, now Instant) (Message, error) {
	data, err := json.Marshal(events.TargetEvent{
		Target: t.Name, Change: change, Group: t.Group, Owner: t.Owner, URL: t.URL(), Cause: i.Cause, Since: i.Since.Time(),
		DurationMS: duration(i.Since, i.Until), At: now.Time(),
	})
	return Message{Subject: events.TargetSubject(change), MsgID: targetMsgID(t.Name, change, now), Type: events.TypeTarget, Data: data}, err
}

// Message is what is to be told to the world.
type Message struct {
	Subject string
	MsgID   string
	Type    string // CloudEvents type
	Data    []byte
}

// NewRound makes an empty round.
func NewRound() *Round {
	return &Round{
		entries: map[uint32]*Entry{}, buckets: map[Key]*Bucket{}, incidents: map[incidentKey]Incident{},
		outages: map[Instant]bool{}, rechecks: map[uint32]Instant{},
	}
}

// Load adds a target with what is known about it.
func (r *Round) Load(t *Target, s State) { r.entries[t.Num] = &Entry{Target: t, State: s} }

// Add adds a check of a target that was loaded.
func (r *Round) Add(target uint32, c Check) {
	r.queue = append(r.queue, queued{r.entries[target], c})
}

// From is the earliest instant at which it matters whether there was an outage of our own.
func (r *Round) From() Instant {
	var from Instant
	earliest := func(i Instant) {
		if i != 0 && (from == 0 || i < from) {
			from = i
		}
	}
	for _, q := range r.queue {
		s := &q.entry.State
		earliest(q.check.At)
		if s.Failing {
			earliest(s.Began)
		}
		for _, o := range s.Open {
			earliest(o.At)
		}
	}
	return from
}

// Run judges all checks, in the order in which they were due. An error is one of Seen or Answering, or of a text that cannot be encoded.
func (r *Round) Run() error {
	slices.SortStableFunc(r.queue, func(a, b queued) int {
		return cmp.Or(cmp.Compare(a.check.At, b.check.At), cmp.Compare(a.entry.Num, b.entry.Num))
	})
	for _, q := range r.queue {
		s := step{round: r, Entry: q.entry, check: q.check}
		s.judge()
		if r.err != nil {
			return fmt.Errorf("judge a check of target %s: %w", q.entry.Name, r.err)
		}
	}
	r.queue = nil
	return nil
}

// ahead tells whether an instant is later than any that can have been judged, by the clock as it is.
func (r *Round) ahead(i Instant) bool { return r.Now != 0 && i > r.Now.Add(Grace) }

// note keeps the first error: what is decided after it does not count.
func (r *Round) note(err error) { r.err = cmp.Or(r.err, err) }

// Changed lists the targets whose state has changed.
func (r *Round) Changed() []*Entry {
	var list []*Entry
	for _, e := range r.entries {
		if e.dirty {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b *Entry) int { return cmp.Compare(a.Num, b.Num) })
	return list
}

// Buckets are what is to be added to those that are there.
func (r *Round) Buckets() map[Key]*Bucket { return r.buckets }

// Incidents lists those that have begun or ended.
func (r *Round) Incidents() []Incident {
	list := make([]Incident, 0, len(r.incidents))
	for _, i := range r.incidents {
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b Incident) int { return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.Target, b.Target)) })
	return list
}

// ChangedOutages lists those that have begun, ended, or may be about to end.
func (r *Round) ChangedOutages() []Outage {
	var list []Outage
	for _, o := range r.Outages {
		if r.outages[o.Since] {
			list = append(list, o)
		}
	}
	return list
}

// Rechecks are targets outside of the round that are to be looked at, and when: whether they answer says whose fault something is.
func (r *Round) Rechecks() map[uint32]Instant { return r.rechecks }

// Messages are what is to be told, in their order.
func (r *Round) Messages() []Message { return r.messages }

// count adds a check to the buckets.
func (r *Round) count(t *Target, e entry) {
	for _, size := range []Size{Hour, Day} {
		key := Key{Target: t.Num, Size: size, Start: e.at.Floor(time.Duration(size))}
		b := r.buckets[key]
		if b == nil {
			b = NewBucket()
			r.buckets[key] = b
		}
		b.add(e, size)
	}
}

func (r *Round) incident(i Incident) { r.incidents[incidentKey{i.Target, i.Since}] = i }

// outageAt tells whether an instant is in an outage of our own.
func (r *Round) outageAt(i Instant) bool {
	return slices.ContainsFunc(r.Outages, func(o Outage) bool { return o.covers(i) })
}

// current is the outage that lasts, nil if there is none.
func (r *Round) current() *Outage {
	if n := len(r.Outages); n > 0 && r.Outages[n-1].Until == 0 {
		return &r.Outages[n-1]
	}
	return nil
}

// witnesses are what is known from all targets that were looked at since an instant, as the round has it so far.
func (r *Round) witnesses(since Instant) []Witness {
	if !r.asked || since < r.from {
		list, err := r.Seen(since)
		r.note(err)
		r.seen, r.from, r.asked = list, since, true
	}
	list := make([]Witness, 0, len(r.seen)+len(r.entries))
	for _, w := range r.seen {
		if r.entries[w.Target] == nil {
			list = append(list, w)
		}
	}
	for _, e := range r.entries {
		list = append(list, e.witness())
	}
	return list
}

func (e *Entry) witness() Witness {
	evidence, at := e.State.Evidence()
	return Witness{Target: e.Num, Site: e.Site, Evidence: evidence, At: at}
}

// outbox adds a message whose data is a value.
func (r *Round) outbox(subject, msgID, kind string, data []byte) {
	r.messages = append(r.messages, Message{Subject: subject, MsgID: msgID, Type: kind, Data: data})
}

// duration is that of what has lasted from an instant until another.
func duration(since, until Instant) int64 { return max(0, until.Sub(since).Milliseconds()) }
