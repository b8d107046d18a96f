package wasm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

var errFull = errors.New("no more is taken")

// output takes what a program writes, and ends the program when that is too much.
type output struct {
	kept bytes.Buffer
	most int
	full func()
	over bool
}

func (o *output) Write(p []byte) (int, error) {
	if len(p) > o.most-o.kept.Len() {
		o.over = true
		o.full()
		return 0, errFull
	}
	return o.kept.Write(p)
}

// head keeps the beginning of what is written and counts the rest.
type head struct {
	kept    bytes.Buffer
	most    int
	dropped int64
}

func (h *head) Write(p []byte) (int, error) {
	n := min(len(p), h.most-h.kept.Len())
	h.kept.Write(p[:n])
	h.dropped += int64(len(p) - n)
	return len(p), nil
}

func (h *head) String() string {
	s := strings.ToValidUTF8(h.kept.String(), "\ufffd")
	if h.dropped > 0 {
		s += fmt.Sprintf("… (%d bytes more)", h.dropped)
	}
	return s
}

// source is a program's input. It remembers an error, which the program may hide, and ends the program then.
type source struct {
	from   io.Reader
	broken func()
	err    error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
		s.broken()
	}
	return n, err
}

// clip cuts a text to at most n bytes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
