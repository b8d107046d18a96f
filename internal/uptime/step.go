package uptime

import (
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// step judges one check of one target.
type step struct {
	*Entry
	round *Round
	check Check
}

func (s *step) judge() {
	c := s.check
	switch {
	case c.Verdict == Nothing:
		s.count(c.At, unknown, s.weight(), 0)
		return
	case c.At <= s.State.Last && !s.round.ahead(s.State.Last): // a later one has been judged
		s.count(c.At, s.kind(), s.weight(), s.timed())
		return
	}
	s.dirty = true
	s.State.Last, s.State.Recheck = c.At, 0
	s.settle()
	if c.Verdict == Success {
		s.succeed()
	} else {
		s.fail()
	}
	s.certificate()
	s.tell()
}

// weight is the time that the check stands for.
func (s *step) weight() time.Duration {
	if s.check.Recheck {
		return 0
	}
	return s.Interval()
}

// timed is the response time that counts.
func (s *step) timed() time.Duration {
	if s.check.Verdict != Success {
		return 0
	}
	return s.check.Elapsed
}

func (s *step) count(at Instant, k kind, weight, elapsed time.Duration) {
	s.round.count(s.Target, entry{at: at, kind: k, weight: weight, elapsed: elapsed})
}

// kind is what the check counts as.
func (s *step) kind() kind {
	switch {
	case s.check.Verdict == Success:
		return up
	case s.Maintained(s.check.At):
		return maintained
	case s.round.outageAt(s.check.At):
		return ours
	default:
		return down
	}
}

// settle finds out what has become of earlier failures: those in an outage of our own, which may have been found out since, are not the
// target's.
func (s *step) settle() {
	st := &s.State
	kept := st.Open[:0:0]
	for _, o := range st.Open {
		if s.round.outageAt(o.At) {
			s.count(o.At, ours, o.Weight, 0)
		} else {
			kept = append(kept, o)
		}
	}
	st.Open = kept
	if st.Failing && st.Run > 0 && st.Phase != events.TargetDown && s.round.outageAt(st.Began) {
		st.Run, st.Held = 0, 0
	}
}

// close counts the failures that were open as the target's.
func (s *step) close() {
	for _, o := range s.State.Open {
		s.count(o.At, down, o.Weight, 0)
	}
	s.State.Open = nil
}

// run continues the run of successes or failures, or begins one.
func (s *step) run(failing bool) {
	st := &s.State
	if st.Failing != failing || st.Run == 0 {
		st.Run, st.Began = 0, s.check.At
	}
	st.Failing, st.Excused = failing, false
	st.Run++
}

func (s *step) succeed() {
	st, c := &s.State, s.check
	s.close()
	s.count(c.At, up, s.weight(), s.timed())
	s.run(false)
	st.Held, st.Elapsed = 0, c.Elapsed
	if !s.Maintained(c.At) {
		s.remember(true)
	}
	switch {
	case st.Phase == "":
		st.Phase, st.Since = events.TargetUp, st.Began
	case st.Phase == events.TargetDown && st.Run >= s.Successes:
		s.rise()
	case st.Phase == events.TargetDown:
		st.Recheck = s.recheck(c)
	}
	s.recovering()
}

func (s *step) fail() {
	st, c := &s.State, s.check
	st.Cause = c.Cause
	switch k := s.kind(); k {
	case maintained, ours: // it begins no run: what fails after that must fail anew
		s.close()
		s.count(c.At, k, s.weight(), 0)
		st.Failing, st.Run, st.Held, st.Excused = true, 0, 0, k == maintained
		return
	}
	s.run(true)
	if st.Phase == events.TargetDown {
		s.count(c.At, down, s.weight(), 0)
		s.remember(false)
		return
	}
	if w := s.weight(); w > 0 {
		st.Open = append(st.Open, OpenCheck{c.At, w})
	}
	if st.Run < s.Failures {
		st.Recheck = s.recheck(c)
		s.remember(false)
		return
	}
	s.decide()
}

// decide finds out whose fault it is that a target has failed often enough.
func (s *step) decide() {
	st := &s.State
	switch s.fault() {
	case theirs:
		s.remember(false)
		s.fall()
	case oursIs:
		s.settle()
	case unclear:
		if st.Held == 0 {
			st.Held = s.check.At
		}
		st.Recheck = s.recheck(s.check)
		s.remember(false)
	}
}

// fall makes the target down.
func (s *step) fall() {
	st := &s.State
	s.close()
	st.Phase, st.Since, st.Held = events.TargetDown, st.Began, 0
	st.Down = LastDown{Since: st.Began, Cause: st.Cause}
	s.round.incident(Incident{Target: s.Num, Since: st.Began, Cause: st.Cause})
	s.event(events.ChangeDown, events.TargetEvent{Cause: st.Cause, Since: st.Began.Time()})
}

// rise makes it up again.
func (s *step) rise() {
	st := &s.State
	st.Phase, st.Since = events.TargetUp, st.Began
	st.Down.Until = st.Began
	s.round.incident(Incident{Target: s.Num, Since: st.Down.Since, Until: st.Down.Until, Cause: st.Down.Cause, End: EndUp})
	s.event(events.ChangeUp, events.TargetEvent{
		Cause: st.Down.Cause, Since: st.Began.Time(), DurationMS: duration(st.Down.Since, st.Down.Until),
	})
}

// remember adds the check to those by which flapping is known.
func (s *step) remember(success bool) {
	st := &s.State
	st.remember(success)
	switch n := st.changes(); {
	case !st.Flapping && n >= flappingChanges:
		st.Flapping = true
		s.event(events.ChangeFlapping, events.TargetEvent{Cause: st.Cause})
	case st.Flapping && n <= calmChanges:
		st.Flapping = false
		s.event(events.ChangeCalm, events.TargetEvent{})
	}
}
