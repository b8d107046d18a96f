package natsjs

import "time"

// maxLookahead bounds the messages that are held beyond the workers' number, for each lane.
const maxLookahead = 1000

// pull is a request for messages that is to be sent.
type pull struct {
	lane  *lane
	inbox string
	batch int
}

// plan appends to pulls what should be requested now. Each lane may hold, arrived or on the way, as many messages as workers
// are free, and some more as a look-ahead. It asks again when half of that is used up, so that requests are few and the next
// messages come before the last ones are gone. The caller holds the lock and sends the pulls after releasing it.
func (s *subscription) plan(pulls []pull) []pull {
	if s.ended {
		return pulls
	}
	free := s.cfg.Workers - s.inFlight
	for _, l := range s.lanes {
		free -= l.buffered()
	}
	now := time.Now()
	target := max(0, free) + s.lookahead()
	for _, l := range s.lanes {
		missing := target - l.buffered() - l.requested
		if missing > 0 && missing >= (target+1)/2 && !now.Before(l.pausedUntil) {
			l.requested += missing
			pulls = append(pulls, pull{l, l.inbox, missing})
		}
	}
	return pulls
}

func (s *subscription) lookahead() int {
	return min(maxLookahead, max(1, int(s.rate.perSecond*s.cfg.Lookahead.Seconds())))
}

func (s *subscription) send(pulls []pull) {
	for _, p := range pulls {
		p.lane.request(p.inbox, p.batch)
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
	limit := total * (s.cfg.Workers + s.lookahead())
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
