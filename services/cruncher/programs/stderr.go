package programs

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"

	"golang.org/x/time/rate"
)

// Bounds of what is kept and logged of what programs write to stderr.
const (
	maxStderrLine   = 1 << 10 // bytes; the rest of a line is dropped
	tailLines       = 8
	tailBytes       = 600
	stderrPerSecond = 20 // lines of a program that are logged, after the first stderrBurst
	stderrBurst     = 100
)

// stderrLog logs what the processes of a program write to stderr.
type stderrLog struct {
	log   *slog.Logger
	limit *rate.Limiter
	mu    sync.Mutex
	left  int // lines that were not logged
}

func newStderrLog(log *slog.Logger) *stderrLog {
	return &stderrLog{log: log, limit: rate.NewLimiter(stderrPerSecond, stderrBurst)}
}

// copy reads to the end, logs the beginnings of lines and keeps the last ones.
func (s *stderrLog) copy(r io.Reader, last *tail, pid int) {
	in := bufio.NewReaderSize(r, maxStderrLine)
	rest := false // of a line that is too long
	for {
		piece, err := in.ReadSlice('\n')
		text := strings.ToValidUTF8(strings.TrimRight(string(piece), "\r\n"), "\ufffd")
		if text != "" && !rest {
			last.add(text)
			s.write(text, pid)
		}
		if rest = errors.Is(err, bufio.ErrBufferFull); err != nil && !rest {
			return
		}
	}
}

func (s *stderrLog) write(text string, pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.limit.Allow() {
		s.left++
		return
	}
	s.log.Info("program says", "pid", pid, "stderr", text, "lines_left_out", s.left)
	s.left = 0
}

// tail keeps the last lines.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (t *tail) add(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, text)
}

// String joins the lines with " | ", the last one being the most important.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := strings.Join(t.lines, " | ")
	if len(s) > tailBytes {
		s = "…" + strings.ToValidUTF8(s[len(s)-tailBytes:], "")
	}
	return s
}
