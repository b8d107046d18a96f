package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Component is a part of the process with a life of its own.
type Component struct {
	Name string
	// Run works until intake ends, then finishes what it has in hand. When work ends it hands back what is left and
	// returns soon. Returning before intake ended, with or without an error, stops the whole group.
	Run func(intake, work context.Context) error
	// Ready is closed when those that are started later may rely on this one; nil means at once.
	Ready <-chan struct{}
}

// Group runs components together. They start in the order in which they were added and stop in the opposite one, so that
// whatever a component relies on outlives it.
type Group struct {
	Drain   time.Duration // how long all components together may finish what they have in hand; default 25 s
	Grace   time.Duration // how long one may still take to return after that; default 5 s
	Log     *slog.Logger  // required
	OnDrain func()        // called once when stopping begins, such as Health.Drain; may be nil
	members []Component
}

const (
	defaultDrain = 25 * time.Second
	defaultGrace = 5 * time.Second
)

// Add adds a component. It has no effect on a group that runs.
func (g *Group) Add(c Component) { g.members = append(g.members, c) }

// Run starts everything and returns when everything has ended: after intake has ended, or because a component ended by
// itself. When work ends, or the drain time has passed, nobody may finish any more. The errors of all components are joined.
func (g *Group) Run(intake, work context.Context) error {
	work, hurry := context.WithCancel(work)
	defer hurry()
	exited := make(chan *member, len(g.members))
	var running []*member
	var early error

start:
	for _, c := range g.members {
		m := startMember(intake, work, c, exited)
		running = append(running, m)
		select {
		case <-m.ready():
		case x := <-exited:
			early = x.early(intake)
			break start
		case <-intake.Done():
			break start
		}
	}
	if early == nil && intake.Err() == nil {
		select {
		case x := <-exited:
			early = x.early(intake)
		case <-intake.Done():
		}
	}
	if g.OnDrain != nil {
		g.OnDrain()
	}
	timer := time.AfterFunc(orDefault(g.Drain, defaultDrain), hurry)
	defer timer.Stop()
	return errors.Join(early, g.stop(work, running))
}

// stop ends the components one by one, the last started first.
func (g *Group) stop(work context.Context, running []*member) error {
	var errs []error
	for i := len(running) - 1; i >= 0; i-- {
		m := running[i]
		began := time.Now()
		m.stop()
		select {
		case <-m.done:
		case <-work.Done():
			select {
			case <-m.done:
			case <-time.After(orDefault(g.Grace, defaultGrace)):
				errs = append(errs, fmt.Errorf("%s %w", m.Name, ErrNotStopped))
				continue
			}
		}
		g.Log.Debug("component stopped", KeyComponent, m.Name, KeyElapsed, time.Since(began))
		if m.err != nil && !m.reported {
			errs = append(errs, fmt.Errorf("%s: %w", m.Name, m.err))
		}
	}
	return errors.Join(errs...)
}

// member is a component that has been started.
type member struct {
	Component
	stop     context.CancelFunc
	done     chan struct{}
	err      error // valid once done is closed
	reported bool
}

// startMember gives the component an intake of its own, which is not ended by the group's: the order of ends matters.
func startMember(intake, work context.Context, c Component, exited chan<- *member) *member {
	own, stop := context.WithCancel(context.WithoutCancel(intake))
	m := &member{Component: c, stop: stop, done: make(chan struct{})}
	go func() {
		m.err = c.Run(own, work)
		close(m.done)
		exited <- m
	}()
	return m
}

func (m *member) ready() <-chan struct{} {
	if m.Ready != nil {
		return m.Ready
	}
	now := make(chan struct{})
	close(now)
	return now
}

// early is the error of a component that ended before anyone asked it to.
func (m *member) early(intake context.Context) error {
	if intake.Err() != nil {
		return nil //nolint:nilerr // it was asked to end
	}
	m.reported = true
	if m.err == nil {
		return fmt.Errorf("%s ended by itself", m.Name)
	}
	return fmt.Errorf("%s: %w", m.Name, m.err)
}

func orDefault(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}
