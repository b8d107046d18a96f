package host

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/term"
)

// LogFormat is how log lines are written.
type LogFormat string

// The log formats. LogAuto is text on a terminal and JSON anywhere else.
const (
	LogAuto LogFormat = "auto"
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// Keys of log attributes that several packages use, so that a line can be found by the same key everywhere.
const (
	KeyError     = "error"
	KeyComponent = "component"
	KeyAddress   = "address"
	KeyElapsed   = "elapsed"
)

// NewLogger makes the process's logger. level is debug, info, warn or error.
func NewLogger(w io.Writer, level string, format LogFormat) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(strings.ToUpper(level))); err != nil {
		return nil, fmt.Errorf("unknown log level %q: use debug, info, warn or error", level)
	}
	opts := &slog.HandlerOptions{Level: l}
	switch format {
	case LogText:
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case LogJSON:
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	case LogAuto, "":
		if IsTerminal(w) {
			return slog.New(slog.NewTextHandler(w, opts)), nil
		}
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	default:
		return nil, fmt.Errorf("unknown log format %q: use auto, text or json", format)
	}
}

// IsTerminal tells whether people see what is written to w while it is written.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
