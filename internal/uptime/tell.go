package uptime

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// tell lets the owner know what he was not told yet. In maintenance, in an outage of our own and while the target flaps he is not told, but
// afterwards, if it still is so then.
func (s *step) tell() {
	st, c := &s.State, s.check
	if s.Maintained(c.At) || s.round.outageAt(c.At) {
		return
	}
	since := fmt.Sprint(st.Down.Since)
	switch {
	case st.Flapping && st.Told == ToldFlapping:
		return
	case st.Flapping:
		s.told(ToldFlapping)
		s.notice(events.Notice{Kind: events.NoticeFlapping, Cause: st.Cause, Since: c.At.Time()}, fmt.Sprint(c.At))
	case st.Phase == events.TargetDown && st.Told != ToldDown:
		s.told(ToldDown)
		s.notice(s.downNotice(events.NoticeDown), since)
	case st.Phase == events.TargetDown && st.Failing && s.RemindMS > 0 && c.At.Sub(st.ToldAt) >= time.Duration(s.RemindMS)*time.Millisecond:
		s.told(ToldDown)
		s.notice(s.downNotice(events.NoticeStillDown), since, fmt.Sprint(c.At))
	case st.Phase == events.TargetUp && st.Told == ToldDown:
		n := events.Notice{Kind: events.NoticeResolved, Cause: st.Down.Cause, Since: st.Down.Since.Time(), DurationMS: duration(st.Down.Since, st.Down.Until)}
		s.told(ToldNothing)
		s.notice(n, since)
	case st.Phase == events.TargetUp && st.Told == ToldFlapping:
		n := events.Notice{Kind: events.NoticeResolved, Cause: "it no longer flaps", Since: st.ToldAt.Time(), DurationMS: duration(st.ToldAt, c.At)}
		s.told(ToldNothing)
		s.notice(n, "flapping", fmt.Sprint(c.At))
	}
}

func (s *step) told(what Told) { s.State.Told, s.State.ToldAt = what, s.check.At }

func (s *step) downNotice(k events.NoticeKind) events.Notice {
	d := s.State.Down
	return events.Notice{Kind: k, Cause: s.State.Cause, Since: d.Since.Time(), DurationMS: duration(d.Since, s.check.At)}
}

// notice tells the owner on all of his channels. about is what tells it from others about this target.
func (s *step) notice(n events.Notice, about ...string) {
	n.What, n.Group, n.Owner, n.URL = s.Name, s.Group, s.Owner, s.URL()
	n.At = max(s.check.At, s.check.Finished).Time()
	s.round.notify(n, s.Channels, append([]string{s.Name}, about...)...)
}

// notify makes a notice for each channel.
func (r *Round) notify(n events.Notice, channels []string, about ...string) {
	for _, channel := range channels {
		n.Channel = channel
		n.ID = events.NoticeID(channel, n.Kind, about...)
		data, err := n.Encode()
		r.note(err)
		r.outbox(events.NoticeSubject(channel), n.ID, events.TypeNotice, data)
	}
}

// event tells the world.
func (s *step) event(change events.TargetChange, e events.TargetEvent) {
	e.Target, e.Change, e.Group, e.Owner, e.URL, e.At = s.Name, change, s.Group, s.Owner, s.URL(), s.check.At.Time()
	data, err := json.Marshal(e)
	s.round.note(err)
	s.round.outbox(events.TargetSubject(change), targetMsgID(s.Name, change, s.check.At), events.TypeTarget, data)
}

func targetMsgID(name string, change events.TargetChange, at Instant) string {
	return fmt.Sprintf("target.%s.%s.%d", name, change, at)
}
