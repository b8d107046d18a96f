package programs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Pauses of programs that do not start: the first one, doubled each time up to the longest.
const (
	firstPause = 200 * time.Millisecond
	mostPause  = 30 * time.Second
)

// strays is how many processes in a row may turn out to be of no use before an item is given up for now.
const strays = 3

// pool is the processes of one program. At no time are there more than its workers, those that are being ended included.
type pool struct {
	program program
	log     *slog.Logger
	stderr  *stderrLog
	thread  *starter
	wg      *sync.WaitGroup
	wait    time.Duration // the longest that an item waits for a process

	mu       sync.Mutex
	closing  chan struct{}
	closed   bool
	changed  chan struct{} // closed, and replaced, when there may be a process
	idle     []*process    // the one used last comes last
	all      map[*process]struct{}
	live     int // starting, idle, with an item, ending
	starting int // of them
	waiting  int // items that wait for a process
	failures int // starts in a row that came to nothing
	until    time.Time
	cause    error // of the last failed start
}

func newPool(p program, log *slog.Logger, thread *starter, wg *sync.WaitGroup, wait time.Duration) *pool {
	log = log.With("program", p.name)
	return &pool{
		program: p, log: log, stderr: newStderrLog(log), thread: thread, wg: wg, wait: wait,
		closing: make(chan struct{}), changed: make(chan struct{}), all: make(map[*process]struct{}),
	}
}

// run has an item done.
func (l *pool) run(ctx context.Context, c Call) (answer, error) {
	if c.Size > l.program.maxInput {
		return answer{}, ops.Fail(events.ReasonTooLarge, fmt.Errorf("program %s: %w", l.program.name, tooMuch(l.program.maxInput)))
	}
	for try := 1; ; try++ {
		p, err := l.take(ctx)
		if err != nil {
			return answer{}, err
		}
		a, err := p.call(ctx, c)
		if err == nil {
			l.giveBack(p)
			return a, nil
		}
		l.log.Warn("ending a process with its children", "pid", p.cmd.Process.Pid, "error", err)
		l.spoiled(p, err, errors.Is(err, errStray) || ops.AsFailure(err).Reason == events.ReasonPanic)
		switch {
		case !errors.Is(err, errStray):
			return answer{}, err
		case p.served == 0:
			return answer{}, l.broken(err)
		case try == strays:
			return answer{}, ops.Retry(events.ReasonComputation, fmt.Errorf("program %s printed garbage: %w", l.program.name, err))
		}
	}
}

// broken is the verdict on an item for which there is no process, because none starts as it should.
func (l *pool) broken(err error) error {
	l.mu.Lock()
	rest := time.Until(l.until)
	l.mu.Unlock()
	return ops.RetryAfter(events.ReasonComputation, max(rest, 0), fmt.Errorf("program %s does not start: %w", l.program.name, err))
}

// take returns a process that waits for an item, and starts one if none does.
func (l *pool) take(ctx context.Context) (*process, error) {
	limit := l.wait
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)/4) // most of the time is for computing
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	l.mu.Lock()
	l.waiting++
	defer func() {
		l.mu.Lock()
		l.waiting--
		l.mu.Unlock()
	}()
	for ; ; l.mu.Lock() {
		switch {
		case l.closed:
			l.mu.Unlock()
			return nil, ops.Defer(time.Second, errors.New("the programs are being ended"))
		case len(l.idle) > 0:
			p := l.idle[len(l.idle)-1]
			l.idle = l.idle[:len(l.idle)-1]
			l.mu.Unlock()
			return p, nil
		case l.live == 0 && time.Now().Before(l.until):
			cause := l.cause
			l.mu.Unlock()
			return nil, l.broken(cause)
		case l.live < l.program.workers && l.starting < l.waiting && !time.Now().Before(l.until):
			l.live++
			l.starting++
			l.wg.Go(l.start)
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, l.busy()
			}
			return nil, fmt.Errorf("program %s: %w", l.program.name, context.Cause(ctx))
		case <-timer.C:
			return nil, l.busy()
		}
	}
}

func (l *pool) busy() error {
	return ops.Defer(l.wait, fmt.Errorf("all processes of program %s are at work", l.program.name))
}

// start starts a process and has it wait for items.
func (l *pool) start() {
	var p *process
	var err error
	l.thread.do(func() { p, err = launch(l.program, l.stderr, l.wg) })
	if err != nil {
		l.log.Error("a program does not start", "error", err)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.live--
		l.starting--
		l.failed(err)
		return
	}
	l.mu.Lock()
	l.all[p] = struct{}{}
	closed := l.closed
	l.mu.Unlock()
	if closed {
		l.end(p)
	}
	l.wg.Go(func() { l.watch(p) })
	err = l.greeted(p)
	l.mu.Lock()
	l.starting--
	l.mu.Unlock()
	if err != nil {
		l.log.Error("a program does not start", "pid", p.cmd.Process.Pid, "error", err)
		l.spoiled(p, err, true)
		return
	}
	l.log.Debug("process started", "pid", p.cmd.Process.Pid)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest(p)
}

// rest has a process wait for an item. The caller holds mu.
func (l *pool) rest(p *process) {
	if l.closed || p.ended() { // watch knows, or will, and it does not know this one as idle
		if p.served == 0 && !l.closed {
			l.failed(fmt.Errorf("it ended before it was asked: %s", p.cmd.ProcessState))
		}
		p.kill()
	} else {
		l.idle = append(l.idle, p)
	}
	l.notify()
}

// greeted waits until the process says that it is ready, if it is to.
func (l *pool) greeted(p *process) error {
	if l.program.startTimeout == 0 {
		return nil
	}
	timer := time.NewTimer(l.program.startTimeout)
	defer timer.Stop()
	select {
	case said, open := <-p.lines:
		switch {
		case !open:
			return fmt.Errorf("it %s", p.obituary())
		case said.err == nil && decodeReady(said.text):
			return nil
		}
		return fmt.Errorf(`it printed %s, and {"ready": true} was to come first`, quote(said.text))
	case <-timer.C:
		return fmt.Errorf(`it did not print {"ready": true} within %s (start_timeout)`, l.program.startTimeout)
	case <-l.closing:
		return errors.New("the programs are being ended")
	}
}

// watch makes a place free when a process has ended, by itself or not.
func (l *pool) watch(p *process) {
	<-p.exited
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.idle, p); i >= 0 {
		l.idle = slices.Delete(l.idle, i, i+1)
		l.log.Warn("a process ended while it had nothing to do", "pid", p.cmd.Process.Pid, "state", p.cmd.ProcessState.String())
		if p.served == 0 {
			l.failed(fmt.Errorf("it ended before it was asked: %s", p.cmd.ProcessState))
		}
		p.kill()
	}
	delete(l.all, p)
	l.live--
	l.notify()
}

// giveBack lets the process wait for the next item, or ends it if it has done enough.
func (l *pool) giveBack(p *process) {
	p.served++
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures, l.until, l.cause = 0, time.Time{}, nil
	if l.program.recycleAfter > 0 && p.served >= l.program.recycleAfter {
		l.end(p)
		return
	}
	l.rest(p)
}

// spoiled ends a process that is of no use any more. One that has never answered, by its own fault, counts as a start that came to nothing.
func (l *pool) spoiled(p *process, err error, fault bool) {
	p.kill()
	if fault && p.served == 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.failed(err)
	}
}

// failed counts a start that came to nothing. The caller holds mu.
func (l *pool) failed(err error) {
	pause := min(firstPause<<min(l.failures, 20), mostPause)
	l.failures++
	l.until, l.cause = time.Now().Add(pause), err
	l.notify() // whoever waits is not to wait for this one
}

// notify wakes whoever waits for a process. The caller holds mu.
func (l *pool) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// end ends a process in an orderly way: its input ends, and if it does not end soon, it is killed. It does not wait.
func (l *pool) end(p *process) {
	l.wg.Go(func() {
		p.hangUp()
		within(p.exited, grace)
		p.kill()
	})
}

// close begins to end all processes, those with an item too; when a cruncher closes there are none of these.
func (l *pool) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	close(l.closing)
	for p := range l.all {
		l.end(p)
	}
	l.idle = nil
	l.notify()
}
