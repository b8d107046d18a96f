package politeness

import "time"

// tell has a message sent by Run. It is dropped when many wait: the others will find out by themselves.
func (p *Politeness) tell(m message) {
	if p.cfg.Bus == nil {
		return
	}
	select {
	case p.out <- m:
	default:
	}
}

func (p *Politeness) send(m message) {
	m.From = p.cfg.ID
	if err := p.cfg.Bus.Publish(m.encode()); err != nil {
		p.cfg.Log.Debug("the other fetchers could not be told", "kind", string(m.Kind), "error", err)
	}
}

// announce tells the others that this fetcher is there, and of which hosts it has more under way than its share.
func (p *Politeness) announce() {
	if p.cfg.Bus == nil {
		return
	}
	held, all := p.excess(time.Now())
	p.send(message{Kind: kindHere, Held: held, All: all})
}

// receive handles a message of any fetcher.
func (p *Politeness) receive(data []byte) {
	m, err := decode(data)
	if err != nil {
		p.cfg.Log.Debug("a message to the fetchers is ignored", "error", err)
		return
	}
	now := time.Now()
	if m.From == p.cfg.ID {
		if m.Kind == kindHere {
			p.roster.self(now)
		}
		return
	}
	switch m.Kind {
	case kindHere:
		if p.roster.here(m, now) {
			p.shrunk.Store(true)
			p.reshare()
			p.roster.hello() // so that it knows of this one before it takes its shares
		}
	case kindLeave:
		if p.roster.leave(m.From) {
			p.reshare()
		}
	case kindPause, kindOpen, kindClosed:
		p.hear(m, now)
	}
}

// believe is for how long a host's own answer counts more than another fetcher that got none: its network may be at fault.
const believe = 30 * time.Second

// hear takes over what another fetcher has found out about a host.
func (p *Politeness) hear(m message, now time.Time) {
	s := p.shard(m.Host)
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hosts[m.Host]
	if h == nil {
		if m.Kind == kindClosed || int(p.hosts.Load()) > p.cfg.MaxHosts/2 { // room is left for the hosts of our own items
			return
		}
		if h = p.lookup(s, m.Host, now); h == nil {
			return
		}
	}
	d := time.Duration(m.MS) * time.Millisecond
	switch m.Kind {
	case kindPause:
		if until := now.Add(min(d, p.cfg.MaxPause)); until.After(h.pause.until) {
			if !now.Before(h.pause.until) { // one halving for one pause
				h.window.halve(max(1, h.inflight))
			}
			h.pause.until, h.pause.since = until, now
		}
	case kindOpen:
		if h.answer.IsZero() || now.Sub(h.answer) > believe {
			h.circuit.heard(now, min(d, p.cfg.BreakMost), m.Failures, m.Last)
		}
	case kindClosed:
		h.circuit.answered()
	}
	p.serve(h, now)
}

// reshare lets go on who waits for a share that may have become larger, or for none at all.
func (p *Politeness) reshare() {
	now := time.Now()
	p.each(func(h *host) {
		if h.waiting.Len() > 0 {
			p.serve(h, now)
		}
	})
}

// excess lists, after another fetcher has come, the hosts that this one has more of under way than its share, or has started
// something at too recently for another to do so.
func (p *Politeness) excess(now time.Time) (held []uint64, all bool) {
	if !p.shrunk.Load() {
		return nil, false
	}
	p.shrunk.Store(false)
	v := p.roster.view()
	p.each(func(h *host) {
		if h.exceeds(v, now) {
			held = append(held, h.hash)
		}
	})
	if len(held) > 0 {
		p.shrunk.Store(true) // to be looked at again next time
	}
	if len(held) > maxHeld {
		return nil, true
	}
	return held, false
}

func (h *host) exceeds(v *view, now time.Time) bool {
	d := h.tight
	if !d.limited() {
		return false
	}
	mine, own := h.share(v, d)
	if own {
		return d.concurrency > 0 && h.inflight > mine.concurrency
	}
	return d.concurrency > 0 && h.inflight > 0 || h.pace.ready(d).After(now)
}
