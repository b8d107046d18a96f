// Package replicas runs further instances of a service as processes of this very program, on the same machine, and ends them again.
//
// A process gets a line of JSON on its standard input that says what it is to do, and then orders, a line each: to drain, and to hurry. The
// end of the input means that whoever has started it is gone, by whatever death, and ends the process, too. That works on every system and
// needs no signals, which a terminal sends to all of them at once.
package replicas

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"sync"
	"time"

	"github.com/fetchmill/fetchmill/internal/host"
)

// The orders.
const (
	orderDrain = "drain\n" // take nothing new, finish what is in hand, and end
	orderHurry = "hurry\n" // hand back what is left, and end
)

// Grace is how long a process may take to end once it hurries; then it is killed.
const Grace = 4 * time.Second

// Pool is the processes of one service.
type Pool struct {
	name    string
	command func() *exec.Cmd
	input   []byte
	log     *slog.Logger

	mu      sync.Mutex
	working []*replica            // not asked to end, in the order of their start
	all     map[*replica]struct{} // that have not ended
	ended   sync.WaitGroup
}

type replica struct {
	cmd     *exec.Cmd
	orders  io.WriteCloser
	started time.Time
	done    chan struct{} // closed when the process has ended
	asked   bool          // to end; guarded by Pool.mu
}

// New makes an empty pool of processes that command makes and that are to do what input, a JSON text without line breaks, says. Name is
// for the log.
func New(name string, command func() *exec.Cmd, input []byte, log *slog.Logger) *Pool {
	return &Pool{name: name, command: command, input: append(append([]byte{}, input...), '\n'), log: log, all: map[*replica]struct{}{}}
}

// Running is how many processes run and have not been asked to end.
func (p *Pool) Running() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.working)
}

// Set starts processes, or asks the youngest ones to drain and end, so that n of them are at work. It does not wait for them.
func (p *Pool) Set(n int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.working) < n {
		if err := p.start(); err != nil {
			return fmt.Errorf("start another %s: %w", p.name, err)
		}
	}
	for len(p.working) > max(n, 0) {
		r := p.working[len(p.working)-1]
		p.working = p.working[:len(p.working)-1]
		p.drain(r)
	}
	return nil
}

// start starts one process. The caller holds the lock.
func (p *Pool) start() error {
	cmd := p.command()
	orders, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r := &replica{cmd: cmd, orders: orders, started: time.Now(), done: make(chan struct{})}
	p.working = append(p.working, r)
	p.all[r] = struct{}{}
	p.log.Info("replica started", "service", p.name, logPID, cmd.Process.Pid)
	_, _ = orders.Write(p.input) // if it has ended already, Wait tells why
	p.ended.Go(func() { p.attend(r) })
	return nil
}

const logPID = "pid"

// attend waits for the end of a process and tells of it.
func (p *Pool) attend(r *replica) {
	err := r.cmd.Wait()
	p.mu.Lock()
	asked := r.asked
	delete(p.all, r)
	for i, w := range p.working {
		if w == r {
			p.working = append(p.working[:i:i], p.working[i+1:]...)
			break
		}
	}
	p.mu.Unlock()
	close(r.done)
	attrs := []any{"service", p.name, logPID, r.cmd.Process.Pid, "up_for", time.Since(r.started).Round(time.Millisecond)}
	switch {
	case err != nil:
		p.log.Error("replica failed; what it had in hand is done by others", append(attrs, host.KeyError, err)...)
	case asked:
		p.log.Info("replica stopped", attrs...)
	default:
		p.log.Warn("replica ended by itself", attrs...)
	}
}

// drain asks a process to finish what it has in hand and to end. The caller holds the lock.
func (p *Pool) drain(r *replica) {
	if !r.asked {
		r.asked = true
		p.log.Info("replica drains", "service", p.name, logPID, r.cmd.Process.Pid)
	}
	_, _ = io.WriteString(r.orders, orderDrain) // it may have ended already
}

// Stop ends all processes: they finish what they have in hand until work ends, and are killed if that does not end them. No process may
// be started any more.
func (p *Pool) Stop(work context.Context) {
	p.mu.Lock()
	p.working = nil
	left := make([]*replica, 0, len(p.all))
	for r := range p.all {
		p.drain(r)
		left = append(left, r)
	}
	p.mu.Unlock()
	for _, r := range left {
		select {
		case <-r.done:
		case <-work.Done():
		}
	}
	for _, r := range left {
		_, _ = io.WriteString(r.orders, orderHurry)
	}
	timer := time.NewTimer(Grace)
	defer timer.Stop()
	for _, r := range left {
		select {
		case <-r.done:
		case <-timer.C:
			timer.Reset(0)
			_ = r.cmd.Process.Kill() // it may have ended just now
		}
	}
	p.ended.Wait()
}
