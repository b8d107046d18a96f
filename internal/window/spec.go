package window

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/internal/expression"
	"github.com/fetchmill/fetchmill/internal/reduce"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Bounds of what users declare.
const (
	MaxSpecBytes = reduce.MaxSpecBytes + 4<<10 // a spec travels with each of its items

	minLength     = time.Second
	maxLength     = 366 * 24 * time.Hour // of windows and of the pauses between sessions
	maxPatience   = 30 * 24 * time.Hour  // for what is late, and for sources that are silent
	maxOverlap    = 100                  // windows that an instant is in
	maxExpression = 1 << 10

	DefaultLateness = time.Minute
	DefaultIdle     = time.Minute
)

// ErrSpec means that windows cannot be as they are declared. The text says what to write instead.
var ErrSpec = errors.New("invalid window")

// Spec says which windows there are and what results in them are reduced to. It is made by New or Decode, which check it.
type Spec struct {
	Size     time.Duration // of tumbling and sliding windows; 0 for sessions
	Slide    time.Duration // from the beginning of a sliding window to that of the next; 0 for other kinds
	Gap      time.Duration // the pause that ends a session; 0 for other kinds
	Lateness time.Duration // how much older than the newest of its source a result may be
	Idle     time.Duration // after which silence a source is not waited for any more
	Time     string        // an expression over a result that yields when it happened; empty: what its submitter said, else when it was submitted
	By       string        // an expression over a result that yields a key; each has windows of its own. Empty: one for all
	Source   string        // an expression over a result that yields where it comes from; empty: all are from one source
	Reduce   reduce.Spec
}

// New completes and checks a spec. A negative lateness or idle time is one that is not said.
func New(s Spec) (Spec, error) {
	if s.Lateness < 0 {
		s.Lateness = DefaultLateness
	}
	if s.Idle < 0 {
		s.Idle = DefaultIdle
	}
	for _, e := range []*string{&s.Time, &s.By, &s.Source} {
		*e = strings.TrimSpace(*e)
	}
	if err := s.check(); err != nil {
		return Spec{}, fmt.Errorf("%w: %w", ErrSpec, err)
	}
	if n := len(s.JSON()); n > MaxSpecBytes {
		return Spec{}, fmt.Errorf("%w: it has %d bytes with its reductions, and travels with each item: use at most %d", ErrSpec, n, MaxSpecBytes)
	}
	return s, nil
}

// Kind tells which kind of windows there are.
func (s *Spec) Kind() events.WindowKind {
	switch {
	case s.Gap > 0:
		return events.WindowSession
	case s.Slide > 0:
		return events.WindowSliding
	default:
		return events.WindowTumbling
	}
}

func (s *Spec) check() error {
	switch {
	case s.Size == 0 && s.Gap == 0:
		return errors.New("it says neither size nor gap: write {size: 1m} for windows of a minute, {size: 1m, slide: 10s} for one that begins every ten seconds, or {gap: 30s} for sessions")
	case s.Size != 0 && s.Gap != 0:
		return errors.New("it says both size and gap: leave out gap for windows of one length, or size for sessions")
	case s.Slide != 0 && s.Gap != 0:
		return errors.New("sessions do not slide: leave out slide, or write size instead of gap")
	case s.Slide != 0 && s.Slide >= s.Size:
		return fmt.Errorf("slide %s is not shorter than size %s: leave it out for windows one after the other", s.Slide, s.Size)
	case s.Slide != 0 && (s.Size+s.Slide-1)/s.Slide > maxOverlap:
		return fmt.Errorf("each moment would be in more than %d windows: use a slide of at least %s", maxOverlap, (s.Size / maxOverlap).Round(time.Second))
	}
	for _, d := range []struct {
		name        string
		value       time.Duration
		least, most time.Duration
		unless      bool // it is not said
	}{
		{"size", s.Size, minLength, maxLength, s.Size == 0},
		{"slide", s.Slide, minLength, maxLength, s.Slide == 0},
		{"gap", s.Gap, minLength, maxLength, s.Gap == 0},
		{"lateness", s.Lateness, 0, maxPatience, false},
		{"idle", s.Idle, time.Second, maxPatience, false},
	} {
		if !d.unless && (d.value < d.least || d.value > d.most || d.value%time.Millisecond != 0) {
			return fmt.Errorf("%s %s: write whole milliseconds from %s to %s, such as 90s", d.name, d.value, d.least, d.most)
		}
	}
	for _, e := range []struct{ name, text string }{{"time", s.Time}, {"by", s.By}, {"source", s.Source}} {
		if e.text == "" {
			continue
		}
		if len(e.text) > maxExpression {
			return fmt.Errorf("%s: the expression has %d bytes: use at most %d", e.name, len(e.text), maxExpression)
		}
		if _, err := expression.Compile(e.text, expression.Result()); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}

// wire is a spec as it travels.
type wire struct {
	SizeMS     int64           `json:"size_ms,omitempty"`
	SlideMS    int64           `json:"slide_ms,omitempty"`
	GapMS      int64           `json:"gap_ms,omitempty"`
	LatenessMS int64           `json:"lateness_ms"`
	IdleMS     int64           `json:"idle_ms"`
	Time       string          `json:"time,omitempty"`
	By         string          `json:"by,omitempty"`
	Source     string          `json:"source,omitempty"`
	Reduce     json.RawMessage `json:"reduce,omitempty"`
}

// JSON is the spec in the form in which it travels. Equal specs have equal JSON.
func (s *Spec) JSON() json.RawMessage {
	data, err := json.Marshal(wire{
		s.Size.Milliseconds(), s.Slide.Milliseconds(), s.Gap.Milliseconds(), s.Lateness.Milliseconds(), s.Idle.Milliseconds(),
		s.Time, s.By, s.Source, s.Reduce.JSON(),
	})
	if err != nil {
		panic(fmt.Sprintf("window: a checked spec cannot be encoded: %v", err)) // it has numbers, texts and checked reductions only
	}
	return data
}

// Decode reads what JSON has written.
func Decode(data []byte) (Spec, error) {
	if len(data) > MaxSpecBytes {
		return Spec{}, fmt.Errorf("%w: %d bytes are more than %d", ErrSpec, len(data), MaxSpecBytes)
	}
	var w wire
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&w); err != nil {
		return Spec{}, fmt.Errorf("%w: %w", ErrSpec, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Spec{}, fmt.Errorf("%w: there is more after it", ErrSpec)
	}
	s := Spec{Time: w.Time, By: w.By, Source: w.Source}
	for _, d := range []struct {
		ms int64
		to *time.Duration
	}{{w.SizeMS, &s.Size}, {w.SlideMS, &s.Slide}, {w.GapMS, &s.Gap}, {w.LatenessMS, &s.Lateness}, {w.IdleMS, &s.Idle}} {
		if d.ms < 0 || d.ms > 2*maxLength.Milliseconds() { // what can be no duration could overflow one
			return Spec{}, fmt.Errorf("%w: %d ms are out of range", ErrSpec, d.ms)
		}
		*d.to = time.Duration(d.ms) * time.Millisecond
	}
	if len(w.Reduce) > 0 {
		var err error
		if s.Reduce, err = reduce.Decode(w.Reduce); err != nil {
			return Spec{}, fmt.Errorf("%w: %w", ErrSpec, err)
		}
	}
	return New(s)
}
