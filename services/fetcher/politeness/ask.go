package politeness

import (
	"container/list"
	"context"
	"math/rand/v2"
	"time"
)

// waiter is a request that waits for its turn.
type waiter struct {
	wish  Wish
	place *list.Element // nil when it does not wait any more
	got   chan grant    // has room for the one that comes
}

type grant struct {
	turn *Turn
	err  error
}

// Ask waits for a turn at a host, which has the form of HostOf. The errors are *Later, *Broken, or the context's. Before it waits it
// calls park, and afterwards what that has returned; park may be nil. Whoever gets a turn must end it with Done.
func (p *Politeness) Ask(ctx context.Context, host string, wish Wish, park func() (resume func())) (*Turn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := time.Now()
	s := p.shard(host)
	s.mu.Lock()
	h := p.lookup(s, host, now)
	if h == nil {
		s.mu.Unlock()
		p.metrics.later.Inc()
		return nil, &Later{Host: host, After: time.Second + rand.N(time.Second), Why: whyHosts}
	}
	turn, w, err := p.enter(ctx, h, wish, now)
	s.mu.Unlock()
	switch {
	case err != nil:
		p.metrics.refused(err)
		return nil, err
	case turn != nil:
		p.metrics.atOnce.Inc()
		return turn, nil
	}
	return p.wait(ctx, h, w, park)
}

// enter gives a request its turn, a place in the line, or an error.
func (p *Politeness) enter(ctx context.Context, h *host, wish Wish, now time.Time) (*Turn, *waiter, error) {
	var (
		look outlook
		err  error
	)
	if h.waiting.Len() == 0 {
		var turn *Turn
		if turn, look, err = p.try(h, wish, now); turn != nil || err != nil {
			return turn, nil, err
		}
	} else if look, err = p.look(h, wish, now); err != nil {
		return nil, nil, err
	}
	expected := look.wait + time.Duration(h.waiting.Len())*h.spacing(look.mine)
	patience := p.cfg.MaxWait
	if end, ok := ctx.Deadline(); ok { // who waits for long has no time left for the request
		patience = min(patience, end.Sub(now)/2)
	}
	switch {
	case expected > patience:
		return nil, nil, p.later(h, look.mine, now, expected, look.why)
	case h.waiting.Len() >= p.room(h):
		return nil, nil, p.later(h, look.mine, now, expected, whyCrowd)
	case p.waiting.Load() >= int64(p.cfg.Waiting):
		return nil, nil, p.later(h, look.mine, now, expected, whyWaiting)
	}
	w := &waiter{wish: wish, got: make(chan grant, 1)}
	w.place = h.waiting.PushBack(w)
	p.waiting.Add(1)
	if h.waiting.Len() == 1 {
		p.alarm(h, look.wait)
	}
	return nil, w, nil
}

// room is how many requests may wait for a host. The line of one that is unproven moves all at once, with the first answer.
func (p *Politeness) room(h *host) int {
	if h.unproven() {
		return max(p.cfg.HostWaiting, p.cfg.Waiting/2)
	}
	return p.cfg.HostWaiting
}

// wait is the time in the line.
func (p *Politeness) wait(ctx context.Context, h *host, w *waiter, park func() (resume func())) (*Turn, error) {
	if park != nil {
		defer park()()
	}
	patience := 2 * p.cfg.MaxWait
	if end, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(end)/2)
	}
	limit := time.NewTimer(patience)
	defer limit.Stop()
	var g grant
	select {
	case g = <-w.got:
	case <-ctx.Done():
		g = p.leave(h, w, ctx.Err())
	case <-limit.C:
		g = p.leave(h, w, nil)
	}
	if g.err != nil {
		p.metrics.refused(g.err)
		return nil, g.err
	}
	p.metrics.waited.Inc()
	return g.turn, nil
}

// leave takes a waiter out of the line: because of an error, or because it has waited for too long. A turn that has come meanwhile is
// taken in the second case.
func (p *Politeness) leave(h *host, w *waiter, cause error) grant {
	h.shard.mu.Lock()
	defer h.shard.mu.Unlock()
	now := time.Now()
	if w.place != nil {
		first := h.waiting.Front() == w.place
		p.remove(h, w)
		if cause == nil {
			mine, _ := h.share(p.roster.view(), h.limit.and(w.wish))
			cause = p.later(h, mine, now, h.spacing(mine), whyWaited)
		}
		if first {
			p.serve(h, now)
		}
		return grant{err: cause}
	}
	g := <-w.got
	if cause == nil || g.turn == nil {
		return g
	}
	g.turn.end(Outcome{Result: Unknown}, now)
	return grant{err: cause}
}

func (p *Politeness) remove(h *host, w *waiter) {
	h.waiting.Remove(w.place)
	w.place = nil
	p.waiting.Add(-1)
}

// outlook is when a request may start, as far as time decides. A wait of 0 means that it depends on the end of another one.
type outlook struct {
	mine demand // of this fetcher
	wait time.Duration
	why  string // it waits
}

// poll is how often it is looked whether something that has no time of its own has come to pass.
const poll = 50 * time.Millisecond

// look tells what stands between a request and its turn. the host is locked.
func (p *Politeness) look(h *host, wish Wish, now time.Time) (outlook, error) {
	if !wish.Probe {
		if after, refused := h.circuit.refuses(now); refused {
			return outlook{}, &Broken{
				Host: h.name, Failures: h.circuit.failures, Last: h.circuit.last, Until: now.Add(after), After: after,
			}
		}
	}
	d := h.limit.and(wish)
	v := p.roster.view()
	mine, own := h.share(v, d)
	if !own && wish.Follow {
		mine, own = d.least(len(v.others)+1), true
	}
	if !own {
		return outlook{}, &Later{Host: h.name, After: 100*time.Millisecond + rand.N(400*time.Millisecond), Why: whyShare}
	}
	o := outlook{mine: mine}
	set := func(wait time.Duration, why string) {
		if wait > o.wait {
			o.wait, o.why = wait, why
		}
	}
	set(h.pause.until.Sub(now), whyPaused)
	set(h.pace.ready(mine).Sub(now), whyPace)
	if d.limited() {
		set(p.roster.settled(v, h.hash, now), whyJoining)
	}
	if o.why == "" {
		o.why = whyCrowd
	}
	return o, nil
}

// try starts a request if it may start now. the host is locked.
func (p *Politeness) try(h *host, wish Wish, now time.Time) (*Turn, outlook, error) {
	o, err := p.look(h, wish, now)
	if err != nil || o.wait > 0 {
		return nil, o, err
	}
	if o.mine.concurrency > 0 && h.inflight >= o.mine.concurrency || !h.allows(now) {
		return nil, o, nil
	}
	t := &Turn{p: p, host: h, started: now}
	h.circuit.tries(t)
	if h.inflight == 0 {
		h.busy = now
	}
	h.inflight++
	h.tight = h.limit.and(wish)
	h.pace.started(now, o.mine)
	return t, o, nil
}

// serve gives turns to those in front of the line that can have one. the host is locked.
func (p *Politeness) serve(h *host, now time.Time) {
	for e := h.waiting.Front(); e != nil; e = h.waiting.Front() {
		w, ok := e.Value.(*waiter)
		if !ok {
			return // there are only waiters in the list
		}
		turn, look, err := p.try(h, w.wish, now)
		if turn == nil && err == nil {
			if look.wait <= p.cfg.MaxWait {
				p.alarm(h, look.wait)
				return
			}
			err = p.later(h, look.mine, now, look.wait, look.why)
		}
		p.remove(h, w)
		w.got <- grant{turn, err}
	}
}

// alarm serves the line again after a wait, if there is one.
func (p *Politeness) alarm(h *host, wait time.Duration) {
	if h.timer != nil {
		h.timer.Stop()
	}
	if wait <= 0 {
		return
	}
	h.timer = time.AfterFunc(wait, func() {
		h.shard.mu.Lock()
		defer h.shard.mu.Unlock()
		p.serve(h, time.Now())
	})
}
