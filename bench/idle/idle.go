// Package idle measures what `fetchmill up` uses while it has nothing to do.
package idle

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/bench/usage"
)

// Config says what is measured.
type Config struct {
	Command []string      // fetchmill up; flags for folder and addresses are added
	Settle  time.Duration // between being ready and the measurement
	For     time.Duration
}

// Report is what was found.
type Report struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"`
	CPUPercent float64 `json:"cpu_percent"` // of one CPU
	Resident   int64   `json:"resident_bytes"`
	Peak       int64   `json:"peak_resident_bytes"` // since its start
	StartMS    float64 `json:"start_ms"`            // until it was ready
}

const (
	startTimeout = time.Minute
	stopTimeout  = time.Minute
)

// Run starts a process, waits until it is ready, and looks at it after a while. Its error is usage.ErrLinuxOnly elsewhere than on Linux.
func Run(ctx context.Context, cfg Config) (_ *Report, err error) {
	if _, err := usage.ReadCPU(os.Getpid()); err != nil {
		return nil, err
	}
	if cfg.For < time.Second {
		return nil, fmt.Errorf("%s is too short a time to measure: at least 1s", cfg.For)
	}
	dir, err := os.MkdirTemp("", "fetchmill-idle-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	start := time.Now()
	p, err := startProcess(ctx, cfg.Command, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := p.ready(ctx); err != nil {
		return nil, err
	}
	r := &Report{StartMS: float64(time.Since(start).Microseconds()) / 1000}
	if err := p.pause(ctx, cfg.Settle); err != nil {
		return nil, err
	}
	return r, p.look(ctx, cfg.For, r)
}

type process struct {
	cmd    *exec.Cmd
	said   *os.File // what it logs
	exited chan struct{}
	err    error // of its end
}

func startProcess(ctx context.Context, command []string, dir string) (*process, error) {
	if len(command) == 0 {
		return nil, errors.New("no command to start")
	}
	args := slices.Concat(command[1:], []string{"--data", dir + "/data", "--nats-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"})
	// It must outlive an interrupt of ours until it has been told to stop.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), command[0], args...)
	said, err := os.Create(dir + "/log")
	if err != nil {
		return nil, err
	}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, said.Close())
	}
	p := &process{cmd: cmd, said: said, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		p.err = cmd.Wait()
	}()
	return p, nil
}

// ready waits until the process says that it is. Where to ask is in its banner.
func (p *process) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // a connection would be something to do
	for {
		if url := p.url(); url != "" && isReady(ctx, web, url+"/readyz") {
			return nil
		}
		if err := p.pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("it did not become ready: %w", err)
		}
	}
}

var bannerHTTP = regexp.MustCompile(`(?m)^\s*http\s+(http://\S+)$`)

func (p *process) url() string {
	text, err := io.ReadAll(io.NewSectionReader(p.said, 0, 1<<20))
	if err != nil {
		return ""
	}
	if m := bannerHTTP.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}

func isReady(ctx context.Context, web *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	resp, err := web.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// pause waits unless the process ends.
func (p *process) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.exited:
		if p.err == nil {
			return fmt.Errorf("the process ended by itself: %s", p.last())
		}
		return fmt.Errorf("the process ended: %w: %s", p.err, p.last())
	}
}

// last is the last line that the process has logged.
func (p *process) last() (line string) {
	lines := bufio.NewScanner(io.NewSectionReader(p.said, 0, 1<<20))
	for lines.Scan() {
		if t := strings.TrimSpace(lines.Text()); t != "" {
			line = t
		}
	}
	return line
}

func (p *process) look(ctx context.Context, d time.Duration, r *Report) error {
	before, err := usage.ReadCPU(p.cmd.Process.Pid)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := p.pause(ctx, d); err != nil {
		return err
	}
	r.Seconds = time.Since(start).Seconds()
	after, err := usage.ReadCPU(p.cmd.Process.Pid)
	if err != nil {
		return err
	}
	m, err := usage.ReadMemory(p.cmd.Process.Pid)
	if err != nil {
		return err
	}
	r.CPUSeconds = (after - before).Seconds()
	r.CPUPercent = 100 * r.CPUSeconds / r.Seconds
	r.Resident, r.Peak = m.Now, m.Peak
	return nil
}

// stop asks the process to end, and ends it if it does not.
func (p *process) stop() error {
	defer func() { _ = p.said.Close() }()  // all of it has been read
	_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended already
	timer := time.AfterFunc(stopTimeout, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	<-p.exited
	if p.err != nil {
		return fmt.Errorf("the process ended: %w", p.err)
	}
	return nil
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	_, err := fmt.Fprintf(w, `fetchmill up, doing nothing for %.0f s

  CPU       %.2f s, %.2f %% of one CPU
  memory    %.1f MiB resident, %.1f MiB at most since its start
  ready     after %.0f ms
`, r.Seconds, r.CPUSeconds, r.CPUPercent, float64(r.Resident)/(1<<20), float64(r.Peak)/(1<<20), r.StartMS)
	return err
}
