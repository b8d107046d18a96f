package useragent

import (
	"sync"
	"time"
)

// watch looks at the pace of all requests of an agent whose answers have begun, again and again as long as there are any. One timer for
// each request would do the same, at some percent of the cost of a small fetch.
type watch struct {
	every time.Duration
	mu    sync.Mutex
	first *pace       // of a list
	timer *time.Timer // nil before the first
	armed bool
}

func (w *watch) add(p *pace) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.watched || p.ended {
		return
	}
	p.watched, p.next, p.previous = true, w.first, nil
	if w.first != nil {
		w.first.previous = p
	}
	w.first = p
	switch {
	case w.armed:
	case w.timer == nil:
		w.timer = time.AfterFunc(w.every, w.look)
	default:
		w.timer.Reset(w.every)
	}
	w.armed = true
}

// remove ends the watch over a pace, for good.
func (w *watch) remove(p *pace) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.ended = true
	if !p.watched {
		return
	}
	p.watched = false
	if p.next != nil {
		p.next.previous = p.previous
	}
	if p.previous != nil {
		p.previous.next = p.next
	} else {
		w.first = p.next
	}
	p.next, p.previous = nil, nil
}

func (w *watch) look() {
	var slow []*pace
	w.mu.Lock()
	for p := w.first; p != nil; p = p.next {
		if p.expired() {
			slow = append(slow, p)
		}
	}
	if w.armed = w.first != nil; w.armed {
		w.timer.Reset(w.every)
	}
	w.mu.Unlock()
	for _, p := range slow {
		p.interrupt()
	}
}
