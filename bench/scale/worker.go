package scale

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// worker is a process of one service.
type worker struct {
	cmd    *exec.Cmd
	begun  time.Time // just before it was started
	said   *buffer
	exited chan struct{}
	err    error // of its end
}

// patience bounds what a busy machine may take for things that take no time.
const patience = time.Minute

// poll is how often somebody looks where nothing can tell by itself.
const poll = 5 * time.Millisecond

func startWorker(ctx context.Context, command []string) (*worker, error) {
	// It must outlive an interrupt of ours until it has been told to stop.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), command[0], command[1:]...)
	w := &worker{cmd: cmd, begun: time.Now(), said: new(buffer), exited: make(chan struct{})}
	cmd.Stderr, cmd.Env = w.said, environment()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a service: %w", err)
	}
	go func() {
		defer close(w.exited)
		w.err = cmd.Wait()
	}()
	return w, nil
}

// stop lets the worker drain, and waits for its end.
func (w *worker) stop() error {
	_ = w.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-w.exited:
	case <-time.After(patience):
		_ = w.cmd.Process.Kill()
		<-w.exited
	}
	if w.err != nil {
		return fmt.Errorf("a service ended with %w: %s", w.err, w.said.String())
	}
	return nil
}

var (
	bannerHTTP = regexp.MustCompile(`(?m)^\s*http\s+(http://\S+)$`)
	inFlight   = regexp.MustCompile(`(?m)^fetchmill_stage_in_flight\{stage="\w+"\} (\S+)$`)
)

// hasItem waits until the worker has an item at work, and returns how long after its start that was.
func (w *worker) hasItem(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	web := &http.Client{Transport: &http.Transport{}}
	defer web.CloseIdleConnections()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if url := bannerHTTP.FindStringSubmatch(w.said.String()); len(url) == 2 && busy(ctx, web, url[1]+"/metrics") {
			return time.Since(w.begun), nil
		}
		select {
		case <-tick.C:
		case <-w.exited:
			return 0, fmt.Errorf("a service ended: %s", w.said.String())
		case <-ctx.Done():
			return 0, errors.Join(errors.New("a service that was started got no item"), ctx.Err())
		}
	}
}

func busy(ctx context.Context, web *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	resp, err := web.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return false
	}
	found := inFlight.FindSubmatch(text)
	if found == nil {
		return false
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	return err == nil && n > 0
}

// buffer is what a process has said.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// environment is ours without what would lead a service elsewhere.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "NATS_") })
}
