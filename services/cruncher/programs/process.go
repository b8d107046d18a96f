package programs

import (
	"bufio"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// trailing is how long after the end of a process its pipes are read: something that it has started, and that has left its group, may
// hold them open for ever.
const trailing = 200 * time.Millisecond

// process is a running program.
type process struct {
	program program
	cmd     *exec.Cmd
	stdin   *os.File
	lines   chan line // what it prints, closed at the end
	stderr  *tail

	served int    // items it has answered; of whoever has the process
	asked  uint64 // the last id

	mu        sync.Mutex
	reaped    bool
	discarded chan struct{} // closed when nobody wants its lines any more
	exited    chan struct{} // closed when it has ended and been waited for
	drained   chan struct{} // closed when all of its stderr has been read
}

// line is a line of standard output, or why there is none.
type line struct {
	text []byte
	err  error
}

// launch starts a program. The goroutines that belong to it are counted in wg and end when the process has ended and is discarded.
func launch(p program, log *stderrLog, wg *sync.WaitGroup) (*process, error) {
	var ours, theirs []*os.File
	closeAll := func(list []*os.File) {
		for _, f := range list {
			_ = f.Close() // a pipe without anything in it
		}
	}
	defer func() { closeAll(theirs) }()
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	theirs, ours = append(theirs, inR), append(ours, inW)
	outR, outW, err := os.Pipe()
	if err != nil {
		closeAll(ours)
		return nil, err
	}
	theirs, ours = append(theirs, outW), append(ours, outR)
	errR, errW, err := os.Pipe()
	if err != nil {
		closeAll(ours)
		return nil, err
	}
	theirs, ours = append(theirs, errW), append(ours, errR)

	cmd := exec.Command(p.argv[0], p.argv[1:]...) //nolint:gosec,noctx // the operator's own command; it lives longer than any item
	cmd.Dir, cmd.Env, cmd.SysProcAttr = p.dir, p.env, attributes()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inR, outW, errW
	if cmd.Env == nil {
		cmd.Env = []string{}
	}
	if err := cmd.Start(); err != nil {
		closeAll(ours)
		return nil, err
	}
	if err := limitMemory(cmd.Process.Pid, p.memory); err != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it is ours, and waited for below
		_ = cmd.Wait()
		closeAll(ours)
		return nil, err
	}
	proc := &process{
		program: p, cmd: cmd, stdin: inW, lines: make(chan line, 1), stderr: &tail{},
		discarded: make(chan struct{}), exited: make(chan struct{}), drained: make(chan struct{}),
	}
	wg.Go(func() { proc.reap(outR, errR) })
	wg.Go(func() { proc.readLines(outR) })
	wg.Go(func() {
		defer close(proc.drained)
		defer func() { _ = errR.Close() }()
		log.copy(errR, proc.stderr, cmd.Process.Pid)
	})
	return proc, nil
}

// reap waits for the end of the process.
func (p *process) reap(outR, errR *os.File) {
	awaitEnd(p.cmd, func(wait func() error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = wait() // ProcessState tells
		p.reaped = true
	})
	_ = p.stdin.Close()
	end := time.Now().Add(trailing)
	_ = outR.SetReadDeadline(end) // readers that have come to the end have closed it
	_ = errR.SetReadDeadline(end)
	close(p.exited)
}

// readLines hands over what the process prints. While nobody takes a line, no more is read.
func (p *process) readLines(r *os.File) {
	defer close(p.lines)
	defer func() { _ = r.Close() }()
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		text, err := readLine(in, p.program.maxOutput)
		if err != nil && len(text) == 0 {
			return
		}
		select {
		case p.lines <- line{text, err}:
		case <-p.discarded:
			return
		}
		if err != nil {
			return
		}
	}
}

// hangUp ends the input of the process, which asks it to end.
func (p *process) hangUp() { _ = p.stdin.Close() }

// kill ends the process with its children, and has what it still prints thrown away. It does not wait for the end.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may have ended just now
	}
	_ = p.stdin.Close() // a write under way ends
	select {
	case <-p.discarded:
	default:
		close(p.discarded)
	}
}

// ended tells whether the process has ended.
func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// obituary tells how the process ended, with the last lines of its stderr. It waits a little for the end.
func (p *process) obituary() string {
	how := "closed its output"
	if within(p.exited, trailing) {
		how = "ended: " + p.cmd.ProcessState.String()
	}
	within(p.drained, 2*trailing)
	if last := p.stderr.String(); last != "" {
		return how + "; its last lines on stderr: " + last
	}
	return how
}

// within waits for a channel to be closed, but not for long.
func within(c <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c:
		return true
	case <-t.C:
		return false
	}
}
