package wording

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// ErrTemplate means that a template cannot be used. The text says why.
var ErrTemplate = errors.New("unusable template")

// Names of templates that belong to no kind.
const (
	ForDigest = "digest"  // several notices in one message
	Otherwise = "default" // kinds that have none of their own
)

// Templates are what one kind is worded with; an empty one means that of the defaults.
type Templates struct{ Subject, Text string }

// Wording makes texts. It does not change once made.
type Wording struct{ pairs map[string]pair }

type pair struct{ subject, text *template.Template }

// Names lists the names that templates can be given for: the kinds, ForDigest and Otherwise.
func Names() []string {
	list := []string{ForDigest, Otherwise}
	for _, k := range events.NoticeKinds() {
		list = append(list, string(k))
	}
	slices.Sort(list)
	return list
}

// Default is the wording without an operator's templates.
func Default() *Wording {
	w := &Wording{pairs: map[string]pair{}}
	for name, t := range defaults {
		w.pairs[name] = pair{w.must(name, t.Subject), w.must(name, t.Text)}
	}
	return w
}

func (w *Wording) must(name, text string) *template.Template {
	return template.Must(w.parse(name, text))
}

func (w *Wording) parse(name, text string) (*template.Template, error) {
	funcs := template.FuncMap{"date": date, "span": span}
	if name == ForDigest {
		funcs["headline"] = func(n *events.Notice) (string, error) { return w.subject(n) }
	}
	t, err := template.New(name).Option("missingkey=zero").Funcs(funcs).Parse(details)
	if err != nil {
		return nil, err
	}
	return t.Parse(text)
}

// With returns a wording that has some other templates. Each is tried with notices of all sorts. Its errors wrap ErrTemplate.
func (w *Wording) With(name string, t Templates) (*Wording, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("%w: there is nothing called %.40q: use one of %s", ErrTemplate, name, strings.Join(Names(), ", "))
	}
	next := &Wording{pairs: maps.Clone(w.pairs)}
	p, ok := next.pairs[name]
	if !ok {
		p = next.pairs[Otherwise]
	}
	var err error
	if t.Subject != "" {
		if p.subject, err = next.parse(name, t.Subject); err != nil {
			return nil, fmt.Errorf("%w: subject: %w", ErrTemplate, err)
		}
	}
	if t.Text != "" {
		if p.text, err = next.parse(name, t.Text); err != nil {
			return nil, fmt.Errorf("%w: text: %w", ErrTemplate, err)
		}
	}
	next.pairs[name] = p
	// The templates of a digest look headlines up in the wording that they were made for.
	if d := next.pairs[ForDigest]; name != ForDigest {
		headlines := template.FuncMap{"headline": func(n *events.Notice) (string, error) { return next.subject(n) }}
		next.pairs[ForDigest] = pair{template.Must(d.subject.Clone()).Funcs(headlines), template.Must(d.text.Clone()).Funcs(headlines)}
	}
	if err := next.try(name); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTemplate, err)
	}
	return next, nil
}

// tryTime is how long a template may take for one message, when it is tried.
const tryTime = time.Second

// try words what there can be, in a time that is bounded.
func (w *Wording) try(name string) error {
	ended := make(chan error, 1)
	go func() { // one that does not end in time ends with the process, which does not start
		for _, n := range samples(name) {
			if _, err := w.One(n, MaxText); err != nil {
				ended <- err
				return
			}
		}
		_, err := w.Many(samples(Otherwise), MaxText)
		ended <- err
	}()
	t := time.NewTimer(tryTime)
	defer t.Stop()
	select {
	case err := <-ended:
		return err
	case <-t.C:
		return fmt.Errorf("it takes more than %s for one message", tryTime)
	}
}

// samples are a notice with everything and one with the least, of the kinds that a name stands for.
func samples(name string) []*events.Notice {
	var list []*events.Notice
	at := time.Date(2026, 1, 31, 15, 4, 5, 0, time.UTC)
	for _, kind := range append(events.NoticeKinds(), "of_a_later_version") {
		if name != Otherwise && name != ForDigest && name != string(kind) {
			continue
		}
		list = append(list, &events.Notice{ID: "n1", Kind: kind, Channel: "ops", What: "Shop", At: at}, &events.Notice{
			ID: "n2", Kind: kind, Channel: "ops", What: "Shop", Group: "web", Owner: "ada@example.com", URL: "https://shop.example.com/",
			Cause: "status 503", Since: at.Add(-time.Hour), DurationMS: 3600_000, At: at,
			Facts: map[string]string{
				"status": "503", "total": "100", "ok": "90", "failed": "9", "cancelled": "1", "new": "10", "state": "done", "expires": "2026-02-07T00:00:00Z", "days": "7",
			},
		})
	}
	return list
}
