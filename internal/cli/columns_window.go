package cli

import (
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// WindowColumns are the columns of windows of time.
func WindowColumns() []Column[events.Window] {
	type window = events.Window
	return []Column[window]{
		{Name: "id", Text: func(w window) string { return w.ID }},
		{Name: "recipe", Text: func(w window) string { return w.Recipe }},
		{Name: "kind", Text: func(w window) string { return string(w.Kind) }, Wide: true},
		{Name: "key", Text: func(w window) string { return w.Key }},
		{Name: "start", Text: func(w window) string { return events.FormatTime(w.Start) }},
		{Name: "end", Text: func(w window) string { return events.FormatTime(w.End) }},
		{Name: "state", Text: func(w window) string { return string(w.State) }},
		{Name: "ok", Text: func(w window) string { return integer(w.OK) }},
		{Name: "failed", Text: func(w window) string { return integer(w.Failed) }},
		{Name: "cancelled", Text: func(w window) string { return integer(w.Cancelled) }},
		{Name: "late", Text: func(w window) string { return integer(w.Late) }},
		{Name: "closed", Text: func(w window) string { return seconds(w.Closed) }, Wide: true},
	}
}

// WindowStreamColumns are the columns of how far windows are.
func WindowStreamColumns() []Column[events.WindowStream] {
	type stream = events.WindowStream
	return []Column[stream]{
		{Name: "recipe", Text: func(s stream) string { return s.Recipe }},
		{Name: "windows", Text: WindowsInWords},
		{Name: "lateness", Text: func(s stream) string { return lasts(s.LatenessMS) }},
		{Name: "idle", Text: func(s stream) string { return lasts(s.IdleMS) }},
		{Name: "by", Text: func(s stream) string { return s.By }, Wide: true},
		{Name: "time", Text: func(s stream) string { return s.Time }, Wide: true},
		{Name: "source", Text: func(s stream) string { return s.Source }, Wide: true},
		{Name: "watermark", Text: func(s stream) string {
			if s.Watermark.IsZero() {
				return ""
			}
			return events.FormatTime(s.Watermark)
		}},
		{Name: "sources", Text: func(s stream) string { return integer(int64(s.Sources)) }},
		{Name: "counted", Text: func(s stream) string { return integer(s.Counted) }},
		{Name: "late", Text: func(s stream) string { return integer(s.Late) }},
		{Name: "skipped", Text: func(s stream) string { return integer(s.Skipped) }},
	}
}

// WindowsInWords says which windows there are.
func WindowsInWords(s events.WindowStream) string {
	words := []string{string(s.Kind)}
	for _, part := range []struct {
		before string
		ms     int64
	}{{"", s.SizeMS}, {"every ", s.SlideMS}, {"gap ", s.GapMS}} {
		if part.ms != 0 {
			words = append(words, part.before+lasts(part.ms))
		}
	}
	return strings.Join(words, " ")
}

func lasts(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }
