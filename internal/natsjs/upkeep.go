package natsjs

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
)

// keepAlive tells the broker, well within its patience, that the messages held are being worked on.
func (s *subscription) keepAlive(ctx context.Context) {
	patience := max(s.ackWait/3, time.Millisecond)
	every(ctx, patience, func(now time.Time) { s.extend(now, patience) })
}

// watchLanes looks after lanes that have gone quiet. It asks the broker, and may wait for the answer, so it must not be
// what keeps messages alive.
func (s *subscription) watchLanes(ctx context.Context) {
	stale := time.Now()
	every(ctx, min(s.cfg.Heartbeat, closeHeartbeat), func(now time.Time) {
		s.reviveQuiet(now)
		if now.Sub(stale) >= s.cfg.Heartbeat {
			stale = now
			s.reviveStale(ctx, now)
		}
	})
}

// A broker that has just started may lose requests. Those that it gets soon after the connection was made have it show signs of life
// more often, so that a lost one is soon noticed.
const (
	closeHeartbeat = time.Second
	closeTime      = 10 * time.Second
)

// heartbeat is how often the broker is to show that a request made now is alive. The caller holds the lock.
func (s *subscription) heartbeat(now time.Time) time.Duration {
	if now.Sub(s.connected) < closeTime {
		return min(s.cfg.Heartbeat, closeHeartbeat)
	}
	return s.cfg.Heartbeat
}

func every(ctx context.Context, interval time.Duration, do func(now time.Time)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			do(now)
		}
	}
}

// extend reports progress on messages that the broker has not heard of for so long.
func (s *subscription) extend(now time.Time, patience time.Duration) {
	s.mu.Lock()
	var due []*Delivery
	for _, d := range s.held.list {
		if now.Sub(d.extended) >= patience/2 {
			d.extended = now
			due = append(due, d)
		}
	}
	s.mu.Unlock()
	for _, d := range due {
		// Not after the answer: the broker would take a message that was handed back for one that is being worked on.
		s.mu.Lock()
		if d.held > 0 {
			s.report(d.inProgress(s.nc))
		}
		s.mu.Unlock()
	}
}

// reviveQuiet asks again where requests are open and the broker's heartbeats have stopped.
func (s *subscription) reviveQuiet(now time.Time) {
	s.mu.Lock()
	for _, l := range s.lanes {
		if l.requested > 0 && now.Sub(l.heard) > 3*l.heartbeat {
			s.cfg.Log.Warn("requests for messages were lost; asking again", "stream", l.source.Stream, "consumer", l.source.Consumer)
			l.requested, l.heard = 0, now
		}
	}
	pulls := s.plan(nil)
	s.mu.Unlock()
	s.send(pulls)
}

// reviveStale finds lanes that are asked for messages, have them on the broker, and get none, although heartbeats come. That has been
// seen after reconnects (vectordotdev/vector#24932); a new inbox helps.
func (s *subscription) reviveStale(ctx context.Context, now time.Time) {
	for _, l := range s.lanes {
		s.mu.Lock()
		suspicious := !s.ended && l.requested > 0 && l.buffered() == 0 && now.Sub(l.delivered) > 3*s.cfg.Heartbeat
		if suspicious {
			l.delivered = now // look again only after as long a time
		}
		s.mu.Unlock()
		if !suspicious {
			continue
		}
		infoCtx, cancel := context.WithTimeout(ctx, infoTimeout)
		info, err := l.consumer.Info(infoCtx)
		cancel()
		if err != nil || info.NumPending == 0 {
			continue
		}
		s.mu.Lock()
		still := !s.ended && l.delivered.Equal(now)
		s.mu.Unlock()
		if !still {
			continue
		}
		s.cfg.Log.Warn("consumer has gone stale; subscribing anew", "stream", l.source.Stream, "consumer", l.source.Consumer, "pending", info.NumPending)
		l.close()
		if err := l.open(); err != nil {
			s.cfg.Log.Warn("subscribing anew failed", "error", err)
			continue
		}
		s.replan()
	}
}

// watchConnection forgets open requests when the connection is lost: the broker forgets them too. It calls closed when the
// connection will never come back, as when the broker no longer accepts the credentials.
func (s *subscription) watchConnection(ctx context.Context, closed func()) {
	changes := s.nc.StatusChanged(nats.CONNECTED, nats.CLOSED)
	defer s.nc.RemoveStatusListener(changes)
	for {
		if s.nc.IsClosed() {
			closed()
			return
		}
		select {
		case <-ctx.Done():
			return
		case status, open := <-changes:
			if !open || status == nats.CLOSED {
				closed()
				return
			}
			s.mu.Lock()
			s.connected = time.Now()
			for _, l := range s.lanes {
				l.requested, l.heard = 0, s.connected
				l.pausedUntil = time.Time{}
			}
			s.mu.Unlock()
			s.replan()
		}
	}
}

// replan requests what is missing.
func (s *subscription) replan() {
	s.mu.Lock()
	pulls := s.plan(nil)
	s.mu.Unlock()
	s.send(pulls)
}
