package recipe

import (
	"errors"
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/internal/window"
	"github.com/fetchmill/fetchmill/internal/yamldoc"
)

type windowDocument struct {
	Size     string  `yaml:"size"`
	Slide    string  `yaml:"slide"`
	Gap      string  `yaml:"gap"`
	Lateness *string `yaml:"lateness"`
	Idle     *string `yaml:"idle"`
	Time     string  `yaml:"time"`
	By       string  `yaml:"by"`
	Source   string  `yaml:"source"`
}

// window reads the windows, whose results are reduced as those of batches are. It comes after reduce.
func (d *document) window(r *Recipe, at yamldoc.Position) error {
	if d.Window == nil {
		return nil
	}
	if d.Expand != nil {
		return at.Wrap(errors.New("window: items that are split have no windows, because the results of their parts are reduced for each item: leave out window or expand"), "window")
	}
	w := d.Window
	s := window.Spec{Time: w.Time, By: w.By, Source: w.Source, Reduce: r.Reduce, Lateness: -1, Idle: -1}
	for _, f := range []struct {
		name, text string
		to         *time.Duration
	}{{"size", w.Size, &s.Size}, {"slide", w.Slide, &s.Slide}, {"gap", w.Gap, &s.Gap}, {"lateness", text(w.Lateness), &s.Lateness}, {"idle", text(w.Idle), &s.Idle}} {
		if f.text == "" {
			continue
		}
		v, err := time.ParseDuration(f.text)
		if err != nil || v < 0 {
			return at.Wrap(fmt.Errorf("window: %s %.40q: write a duration, such as 90s, 1m or 24h", f.name, f.text), "window", f.name)
		}
		*f.to = v
	}
	s, err := window.New(s)
	if err != nil {
		return at.Wrap(fmt.Errorf("window: %w", err), "window")
	}
	r.Window, r.window = &s, s.JSON()
	return nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
