package natsjs

import "time"

// maxLookahead bounds the messages that are held beyond the workers' number, for each lane.
const maxLookahead = 1000

// pull is a request for messages that is to be sent.
type pull struct {
	lane      *lane
	inbox     string
	batch     int
	heartbeat time.Duration
}

// plan appends to pulls what should be requested now. Each lane may hold, arrived or on the way, as many messages as workers
// are free, and some more as a look-ahead. It asks again when half of that is used up, so that requests are few and the next
// messages come before the last ones are gone. The caller holds the lock and sends the pulls after releasing it.
func (s *subscription) plan(pulls []pull) []pull {
	if s.ended {
		return pulls
	}
	free := s.limit - s.working()
	for _, l := range s.lanes {
		free -= l.buffered()
	}
	now := time.Now()
	target := s.lookahead()
	if free > 0 {
		target += max(free, min(free*s.bundleSize(), maxLookahead))
	}
	for _, l := range s.lanes {
		missing := target - l.buffered() - l.requested
		if missing > 0 && missing >= (target+1)/2 && !now.Before(l.pausedUntil) {
			l.requested += missing
			l.heartbeat = s.heartbeat(now)
			pulls = append(pulls, pull{l, l.inbox, missing, l.heartbeat})
		}
	}
	return pulls
}

func (s *subscription) lookahead() int {
	return min(maxLookahead, max(1, int(s.rate.perSecond*s.cfg.Lookahead.Seconds())))
}

// bundleSize is how many messages are handed out together at the present pace.
func (s *subscription) bundleSize() int {
	if s.cfg.MaxBundle == 1 || s.cfg.BundleTime == 0 {
		return s.cfg.MaxBundle
	}
	return s.pace.fitting(s.cfg.BundleTime, s.cfg.MaxBundle)
}

// gather takes the next bundle out of the buffers. There must be something in them. The caller holds the lock.
func (s *subscription) gather() []*Delivery {
	n := s.bundleSize()
	list := make([]*Delivery, 0, min(n, 16))
	for len(list) < n {
		l := s.pick()
		if l == nil {
			break
		}
		list = append(list, l.pop())
	}
	return list
}

func (s *subscription) nothingBuffered() bool {
	for _, l := range s.lanes {
		if l.buffered() > 0 {
			return false
		}
	}
	return true
}

func (s *subscription) send(pulls []pull) {
	for _, p := range pulls {
		p.lane.request(p)
	}
}

// pick returns the lane whose turn it is among those that have messages, by smooth weighted round-robin: over time each gets
// its share, and turns are spread evenly. It returns nil if there are no messages. The caller holds the lock.
//
// No worker waits for a lane whose messages are still on the way from the broker, but the lane keeps its claim and makes up for
// it when they are here. Otherwise fast workers would take whatever is at hand, and weights would mean nothing.
func (s *subscription) pick() *lane {
	var best *lane
	total := 0
	for _, l := range s.lanes {
		if l.buffered() == 0 && l.backlog == 0 {
			l.credit = 0
			continue
		}
		total += l.weight
		if l.buffered() > 0 && (best == nil || l.credit+l.weight > best.credit+best.weight) {
			best = l
		}
	}
	if best == nil {
		return nil
	}
	// More than what is started while messages are on their way is not made up for.
	limit := total * (s.limit + s.lookahead())
	for _, l := range s.lanes {
		if l.buffered() > 0 || l.backlog > 0 {
			l.credit = min(l.credit+l.weight, limit)
		}
	}
	best.credit = max(best.credit-total, -limit)
	return best
}

// rate is an exponential moving average of events per second.
type rate struct {
	perSecond float64
	since     time.Time
	count     int
}

const rateWindow = 50 * time.Millisecond

func (r *rate) add(now time.Time) {
	r.count++
	elapsed := now.Sub(r.since)
	if elapsed < rateWindow {
		return
	}
	if elapsed > time.Second { // after a rest the past says nothing
		r.perSecond = 0
	} else {
		r.perSecond = (r.perSecond + float64(r.count)/elapsed.Seconds()) / 2
	}
	r.since, r.count = now, 0
}

// pace is an exponential moving average of how long a worker takes for a message.
type pace struct{ each time.Duration }

func (p *pace) add(n int, took time.Duration) {
	if n > 0 {
		p.each = (3*p.each + took/time.Duration(n)) / 4
	}
}

// fitting returns how many messages fit into so much time: 1 at first, and at most so many.
func (p *pace) fitting(d time.Duration, most int) int {
	if p.each == 0 {
		return 1
	}
	return max(1, min(most, int(d/p.each)))
}
