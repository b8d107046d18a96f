package politeness

import (
	"container/list"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"time"
)

// shardCount is how many locks the hosts share.
const shardCount = 64

type shard struct {
	mu    sync.Mutex
	hosts map[string]*host
}

// host is what is known about a host. It is guarded by its shard's lock.
type host struct {
	shard *shard
	name  string
	hash  uint64 // of the name
	site  uint64 // of what its order of fetchers follows from
	limit Limit

	version  uint64 // of the view that rank and fetchers are from
	rank     int
	fetchers int

	inflight int
	tight    demand // of the newest turn
	window   window
	pace     pace
	pause    pause
	circuit  circuit

	waiting list.List // of *waiter, first come first served
	timer   *time.Timer
	took    time.Duration // a request, smoothed
	tail    time.Time     // until when those that were told to come later have been spread
	used    time.Time
	answer  time.Time // the newest
	busy    time.Time // since when there is always a request under way
}

// A host from which nothing comes for so long, and for so many times as long as a request took, gets no more than at first until
// something comes: it may have died.
const (
	leastSilence = 5 * time.Second
	silenceTimes = 4
)

// allows tells whether the host gets one request more.
func (h *host) allows(now time.Time) bool {
	if !h.window.allows(h.inflight) {
		return false
	}
	since := h.answer
	if h.busy.After(since) {
		since = h.busy
	}
	return h.inflight < firstWindow || now.Sub(since) <= max(leastSilence, silenceTimes*h.took)
}

// pause is what a host that says it is too much gets.
type pause struct {
	until time.Time
	since time.Time // when it last said so; what was started before tells nothing new
	step  int       // pauses of our own in a row
}

// Pauses of our own are for hosts that do not say how long.
const (
	firstPause = time.Second
	mostPause  = time.Minute
)

func (p *Politeness) shard(host string) *shard {
	return &p.shards[maphash.String(p.seed, host)%shardCount]
}

// each calls f for every host, with its shard locked.
func (p *Politeness) each(f func(h *host)) {
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		for _, h := range s.hosts {
			f(h)
		}
		s.mu.Unlock()
	}
}

// lookup finds a host or begins to remember it; s is locked. It returns nil when there is no room for another.
func (p *Politeness) lookup(s *shard, name string, now time.Time) *host {
	if h := s.hosts[name]; h != nil {
		h.used = now
		return h
	}
	if int(p.hosts.Load()) >= p.cfg.MaxHosts && !p.evict(s, now) {
		return nil
	}
	limit := p.cfg.Limits(name)
	h := &host{
		shard: s, name: name, hash: hash(name), site: hash(site(name)), limit: limit, window: newWindow(), used: now,
	}
	s.hosts[name] = h
	p.hosts.Add(1)
	return h
}

// share is this fetcher's part of a demand at the host.
func (h *host) share(v *view, d demand) (mine demand, own bool) {
	if !d.limited() {
		return d, true
	}
	if h.version != v.version {
		h.version, h.rank, h.fetchers = v.version, rank(h.site, v.self, v.others), len(v.others)+1
	}
	return d.share(h.rank, h.fetchers)
}

// spacing is how far apart turns come, as far as is known.
func (h *host) spacing(d demand) time.Duration {
	places := h.window.size
	if d.concurrency > 0 {
		places = min(places, float64(d.concurrency))
	}
	return max(d.interval(), d.delay, time.Duration(float64(h.took)/places))
}

// unproven tells of a host of the operator's that has not answered yet.
func (h *host) unproven() bool { return h.limit.Own && h.window.size < maxWindow }

// later makes the answer for who cannot wait here. Those that come later are spread, each behind the one before.
func (p *Politeness) later(h *host, d demand, now time.Time, wait time.Duration, why string) *Later {
	if h.unproven() && wait == 0 { // its first answer lets all go at once
		return &Later{Host: h.name, After: 250*time.Millisecond + rand.N(500*time.Millisecond), Why: why}
	}
	if at := now.Add(wait); h.tail.Before(at) {
		h.tail = at
	}
	after := min(h.tail.Sub(now), p.cfg.MaxLater)
	if h.tail.Sub(now) < p.cfg.MaxLater {
		h.tail = h.tail.Add(max(h.spacing(d), time.Millisecond))
	}
	return &Later{Host: h.name, After: after + rand.N(max(after/4, 100*time.Millisecond)), Why: why}
}

// idle tells whether nothing would be lost but what the host has earned.
func (h *host) idle(now time.Time) bool {
	return h.inflight == 0 && h.waiting.Len() == 0 && !h.pause.until.After(now) && !h.circuit.open &&
		!h.pace.next.After(now) && !h.pace.free.After(now)
}

// forget drops hosts that nobody has asked for in a while.
func (p *Politeness) forget(now time.Time) {
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		for name, h := range s.hosts {
			if now.Sub(h.used) <= p.cfg.Forget {
				continue
			}
			if h.circuit.open && h.circuit.trial == nil && now.Sub(h.circuit.until) > p.cfg.Forget {
				h.circuit.answered()
			}
			if h.idle(now) {
				p.drop(s, name)
			}
		}
		s.mu.Unlock()
	}
}

// evictTries bounds the search for a host that makes room.
const evictTries = 64

// evict makes room in a shard by forgetting a host that is idle at the moment.
func (p *Politeness) evict(s *shard, now time.Time) bool {
	tries := 0
	for name, h := range s.hosts { // in random order
		if h.idle(now) {
			p.drop(s, name)
			return true
		}
		if tries++; tries == evictTries {
			break
		}
	}
	return false
}

func (p *Politeness) drop(s *shard, name string) {
	delete(s.hosts, name)
	p.hosts.Add(-1)
}
