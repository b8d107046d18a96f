package politeness

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxPeers = 4096 // more are not believed
	maxHeld  = 1024 // hosts in one announcement
)

// roster is who the fetchers are at the moment, as far as this one has heard.
type roster struct {
	id       string
	interval time.Duration
	alone    bool
	start    time.Time
	greet    chan struct{} // somebody new wants to know who is there

	newest atomic.Pointer[view]
	// heard is when this fetcher last heard its own announcement, and joined from when it takes its shares; both after start, 0 for
	// never. If it does not hear itself, the others do not hear it either and take its shares.
	heard, joined atomic.Int64

	mu    sync.Mutex
	peers map[string]*peer
}

type peer struct {
	hash  uint64
	heard time.Time
	held  []uint64 // hosts of which it has more under way than its share
	all   bool     // too many to list
}

// view is one state of the roster. It does not change.
type view struct {
	version uint64 // of the members
	self    uint64
	others  []uint64
	held    map[uint64]struct{}
	all     bool
}

func newRoster(id string, interval time.Duration, alone bool) *roster {
	r := &roster{
		id: id, interval: interval, alone: alone, start: time.Now(), greet: make(chan struct{}, 1), peers: map[string]*peer{},
	}
	r.newest.Store(&view{version: 1, self: hash(id)})
	return r
}

func (r *roster) view() *view { return r.newest.Load() }

// after is a time as it is kept in heard and joined; it is never 0.
func (r *roster) after(t time.Time) int64 { return int64(t.Sub(r.start)) + 1 }

// settled tells how long a limited host has to wait because the shares are not settled: until this fetcher has been there for one
// interval, in which the others hear of it, and while another has more under way than its new share.
func (r *roster) settled(v *view, host uint64, now time.Time) time.Duration {
	if r.alone {
		return 0
	}
	heard, joined, at := r.heard.Load(), r.joined.Load(), r.after(now)
	if heard == 0 || at-heard > int64(r.silence()) {
		return poll
	}
	if joined > at {
		return time.Duration(joined - at)
	}
	if _, held := v.held[host]; held || v.all {
		return poll
	}
	return 0
}

// silence is after how long without hearing itself a fetcher gives its shares up: sooner than the others take them.
func (r *roster) silence() time.Duration { return 3 * r.interval }

// gone is after how long without an announcement a fetcher is taken to be gone.
func (r *roster) gone() time.Duration { return 4 * r.interval }

// self notes that this fetcher has heard itself.
func (r *roster) self(now time.Time) {
	at := r.after(now)
	if heard := r.heard.Load(); heard == 0 || at-heard > int64(r.silence()) {
		r.joined.Store(at + int64(r.interval))
	}
	r.heard.Store(at)
}

// here notes an announcement of another fetcher. It tells whether that is new.
func (r *roster) here(m message, now time.Time) (joined bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.peers[m.From]
	if p == nil {
		if len(r.peers) == maxPeers {
			return false
		}
		p = &peer{hash: hash(m.From)}
		r.peers[m.From] = p
		joined = true
	}
	changed := joined || len(p.held)+len(m.Held) > 0 || p.all != m.All
	p.heard, p.held, p.all = now, m.Held, m.All
	if changed {
		r.refresh(joined)
	}
	return joined
}

// leave forgets another fetcher. It tells whether it was there.
func (r *roster) leave(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.peers[id] == nil {
		return false
	}
	delete(r.peers, id)
	r.refresh(true)
	return true
}

// expire forgets those that have not been heard of for long. It tells whether there were any.
func (r *roster) expire(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := len(r.peers)
	for id, p := range r.peers {
		if now.Sub(p.heard) > r.gone() {
			delete(r.peers, id)
		}
	}
	if len(r.peers) == before {
		return false
	}
	r.refresh(true)
	return true
}

// refresh makes the view anew; r is locked.
func (r *roster) refresh(members bool) {
	old := r.newest.Load()
	v := &view{version: old.version, self: old.self, others: old.others, held: map[uint64]struct{}{}}
	if members {
		v.version++
		v.others = make([]uint64, 0, len(r.peers))
		for _, p := range r.peers {
			v.others = append(v.others, p.hash)
		}
	}
	for _, p := range r.peers {
		v.all = v.all || p.all
		for _, h := range p.held {
			v.held[h] = struct{}{}
		}
	}
	r.newest.Store(v)
}

// hello asks Run for an announcement.
func (r *roster) hello() {
	select {
	case r.greet <- struct{}{}:
	default: // one is on its way
	}
}
