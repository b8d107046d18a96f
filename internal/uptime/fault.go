package uptime

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// whose says whose fault a failure is.
type whose int

const (
	theirs whose = iota
	oursIs
	unclear
)

// sure is how many sites must have spoken before it is our outage without asking those again that have answered last: of few, many can
// fail by chance.
const sure = 50

// fault judges whose fault it is that the target fails, by what has become of the others since it began to. If it is ours, an outage
// begins. As long as others can tell more about it, they are asked, and nothing is decided for a while.
func (s *step) fault() whose {
	r, p, since := s.round, s.round.Policy, s.State.Began
	if p.Share <= 0 || r.Sites < p.Sites {
		return theirs
	}
	if r.current() != nil { // which began after this check was due; the next will be in it
		return unclear
	}
	held := s.State.Held
	switch sites, failing := share(r.witnesses(since), since); {
	case p.begins(sites, failing):
		if sites < sure && held == 0 && s.ask() {
			return unclear
		}
		r.begin(s, Outage{Since: since, Sites: sites, Failing: failing})
		return oursIs
	case sites >= p.Sites:
		return theirs
	case held != 0 && s.check.At.Sub(held) >= p.Wait:
		return theirs
	}
	s.ask()
	return unclear
}

// ask has targets of other sites looked at that answer, but have not been asked since this one began to fail. It tells whether there are any.
func (s *step) ask() bool {
	r, now := s.round, max(s.check.At, s.check.Finished)
	list, err := r.Answering(s.State.Began, 8*r.Policy.Sites)
	r.note(err)
	sites := map[string]bool{s.Site: true}
	for _, w := range list {
		if len(sites) > r.Policy.Sites {
			break
		}
		if sites[w.Site] {
			continue
		}
		if e := r.entries[w.Target]; e != nil {
			if w := e.witness(); w.At >= s.State.Began || w.Evidence != Answers {
				continue
			}
			e.dirty, e.State.Recheck = true, soonest(e.State.Recheck, now)
		} else {
			r.rechecks[w.Target] = soonest(r.rechecks[w.Target], now)
		}
		sites[w.Site] = true
	}
	return len(sites) > 1
}

// soonest is the earlier of two instants, of which the first may be none.
func soonest(a, b Instant) Instant {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// begin begins an outage of our own.
func (r *Round) begin(s *step, o Outage) {
	r.Outages = append(r.Outages, o)
	r.outages[o.Since] = true
	r.outageEvent(events.SubjectOutageBegan, o)
	r.outageNotices(events.NoticeOutage, o, max(s.check.At, s.check.Finished))
}

// recovering finds out, after a success, whether an outage of our own is over.
func (s *step) recovering() {
	r := s.round
	o := r.current()
	if o == nil || s.check.At < o.Since {
		return
	}
	if o.Recovering == 0 {
		o.Recovering = s.check.At
	}
	r.outages[o.Since] = true
	switch sites, failing := share(r.witnesses(o.Recovering), o.Recovering); {
	case r.Policy.begins(sites, failing): // a stray success
		o.Recovering = 0
	case r.Policy.ends(sites, failing):
		o.Until = s.check.At
		r.outageEvent(events.SubjectOutageOver, *o)
		r.outageNotices(events.NoticeOutageOver, *o, max(s.check.At, s.check.Finished))
	}
}

func (r *Round) outageEvent(subject string, o Outage) {
	data, err := json.Marshal(o.Event())
	r.note(err)
	r.outbox(subject, fmt.Sprintf("%s.%d", subject[len(events.PrefixEvent):], o.Since), events.TypeOutage, data)
}

// Event describes the outage for the world.
func (o Outage) Event() events.Outage {
	return events.Outage{Since: o.Since.Time(), Until: o.Until.Time(), Sites: o.Sites, Failing: o.Failing}
}

// outageNotices tells of an outage, once on each channel: those of the policy, or else all that Channels lists.
func (r *Round) outageNotices(k events.NoticeKind, o Outage, at Instant) {
	channels := r.Policy.Channels
	if len(channels) == 0 {
		channels = r.Channels
	}
	n := events.Notice{
		Kind: k, What: "the connection of this fetchmill", Since: o.Since.Time(), At: at.Time(),
		Cause: fmt.Sprintf("%d of %d sites do not answer", o.Failing, o.Sites),
	}
	if o.Until != 0 {
		n.DurationMS = duration(o.Since, o.Until)
	}
	r.notify(n, slices.Sorted(slices.Values(channels)), fmt.Sprint(o.Since))
}
