package natsjs

import "time"

// minMaxParked is how many bundles may be parked even where few workers are allowed.
const minMaxParked = 1024

// Load is what the workers of a subscriber do, and what they have done in subscriptions that have not ended: the difference between two
// Loads of one subscription tells what happened in between.
type Load struct {
	Limit   int           // workers allowed
	Working int           // at work, those that are parked not counted
	Parked  int           // waiting without a place
	Busy    time.Duration // the times of all workers at work added up; time parked does not count
	Full    time.Duration // how long as many workers were at work as allowed
}

// Load tells what the workers of all subscriptions do.
func (s *Subscriber) Load() Load {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := Load{Limit: s.cfg.Workers}
	for sub := range s.ends {
		l := sub.load()
		sum.Working += l.Working
		sum.Parked += l.Parked
		sum.Busy += l.Busy
		sum.Full += l.Full
	}
	return sum
}

// SetWorkers changes how many messages of a subscription are worked on at the same time, at least 1. It takes effect at once: with more,
// more is requested and handed out; with less, what is under way is finished, and nothing is handed out until it is fewer.
func (s *Subscriber) SetWorkers(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Workers = max(1, n)
	for sub := range s.ends {
		sub.setLimit(s.cfg.Workers)
	}
}

func (s *subscription) setLimit(n int) {
	s.mu.Lock()
	s.count(time.Now())
	s.limit = n
	pulls := s.plan(nil)
	s.mu.Unlock()
	s.changed.Signal()
	s.send(pulls)
}

// working is how many workers have a place. The caller holds the lock.
func (s *subscription) working() int { return s.inFlight - s.parked }

func (s *subscription) load() Load {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(time.Now())
	return Load{Limit: s.limit, Working: s.working(), Parked: s.parked, Busy: s.meter.busy, Full: s.meter.full}
}

// park frees the place of a worker that only waits. It reports false if too many do already.
func (s *subscription) park(now time.Time) bool {
	s.mu.Lock()
	most := s.cfg.MaxParked
	if most <= 0 {
		most = max(minMaxParked, 4*s.limit)
	}
	if s.parked >= most {
		s.mu.Unlock()
		return false
	}
	s.count(now)
	s.parked++
	pulls := s.plan(nil)
	s.mu.Unlock()
	s.changed.Signal()
	s.send(pulls)
	return true
}

// unpark takes the place back, even if there is none free: whoever has waited for its turn must not lose it by waiting here. Nothing is
// handed out until the workers are fewer than allowed again.
func (s *subscription) unpark(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(now)
	s.parked--
}

// meter adds up what workers do.
type meter struct {
	since      time.Time // up to when the times count
	busy, full time.Duration
}

// count adds the time since the last call to the meter. It is called before anything changes that the times depend on. The caller holds
// the lock.
func (s *subscription) count(now time.Time) {
	elapsed := now.Sub(s.meter.since)
	if elapsed <= 0 {
		return
	}
	working := s.working()
	s.meter.since = now
	s.meter.busy += time.Duration(working) * elapsed
	if working >= s.limit {
		s.meter.full += elapsed
	}
}
