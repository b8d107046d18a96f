package useragent

import (
	"strings"
	"unicode/utf8"
)

const (
	maxErrorBytes  = 600
	maxContentType = 200
)

// clip shortens the text of an error that may quote what the other side has sent, so that no server decides how large our
// messages are. What it wraps stays.
func clip(err error) error {
	text := err.Error()
	if len(text) <= maxErrorBytes && utf8.ValidString(text) {
		return err
	}
	return &clippedError{text: clipString(text, maxErrorBytes), err: err}
}

type clippedError struct {
	text string
	err  error
}

func (e *clippedError) Error() string { return e.text }
func (e *clippedError) Unwrap() error { return e.err }

func clipString(s string, limit int) string {
	if len(s) <= limit {
		return strings.ToValidUTF8(s, "?")
	}
	return strings.ToValidUTF8(s[:limit], "?") + "…"
}
