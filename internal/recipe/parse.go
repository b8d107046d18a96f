package recipe

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/internal/yamldoc"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Bounds of a recipe: generous for people, small enough for a program that reads recipes from strangers.
const (
	maxBytes    = 64 << 10
	maxParams   = 64
	maxCrunch   = 32
	maxAttempts = 100
	maxTimeout  = 7 * 24 * time.Hour
)

// document is a recipe as it is written.
type document struct {
	Name      string                   `yaml:"name"`
	Summary   string                   `yaml:"summary"`
	Primary   string                   `yaml:"primary"`
	Cost      string                   `yaml:"cost"`
	Params    map[string]paramDocument `yaml:"params"`
	Fetch     *stepDocument            `yaml:"fetch"`
	Crunch    []stepDocument           `yaml:"crunch"`
	Quiet     bool                     `yaml:"quiet"`
	Reduce    []any                    `yaml:"reduce"`
	Window    *windowDocument          `yaml:"window"`
	Expand    *expandDocument          `yaml:"expand"`
	Retention *retentionDocument       `yaml:"retention"`
}

type paramDocument struct {
	Type      Type     `yaml:"type"`
	Required  bool     `yaml:"required"`
	Default   any      `yaml:"default"`
	Min       *float64 `yaml:"min"`
	Max       *float64 `yaml:"max"`
	MaxLength int      `yaml:"max_length"`
	Enum      []any    `yaml:"enum"`
	Help      string   `yaml:"help"`
	Example   any      `yaml:"example"`
}

type stepDocument struct {
	Op       string         `yaml:"op"`
	With     map[string]any `yaml:"with"`
	Timeout  string         `yaml:"timeout"`
	Attempts int            `yaml:"attempts"`
}

// Parse reads a recipe and checks it. Its errors wrap ErrRecipe and name the line.
func Parse(data []byte) (*Recipe, error) { return Checks{}.Parse(data) }

// Parse reads a recipe as the function of this name does, and judges the arguments of its steps.
func (c Checks) Parse(data []byte) (*Recipe, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%w: it has %d bytes: at most %d are read", ErrRecipe, len(data), maxBytes)
	}
	var doc document
	at, err := decode(data, &doc)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecipe, err)
	}
	r, err := doc.recipe(at, c)
	if err != nil {
		return nil, fmt.Errorf("%w %.80s: %w", ErrRecipe, doc.Name, err)
	}
	return r, nil
}

// decode reads the document.
func decode(data []byte, doc *document) (yamldoc.Position, error) {
	at, err := yamldoc.Decode(data, doc)
	switch {
	case errors.Is(err, yamldoc.ErrEmpty):
		err = fmt.Errorf("%w: write at least name, summary and one step", err)
	case errors.Is(err, yamldoc.ErrSeveral):
		err = fmt.Errorf("%w: write one recipe per file", err)
	}
	return at, err
}

var (
	paramRE = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	opRE    = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}(\.[a-z0-9][a-z0-9_-]{0,63}){0,3}$`)
)

func (d *document) recipe(at yamldoc.Position, checks Checks) (*Recipe, error) {
	if err := events.ValidName(d.Name); err != nil {
		return nil, at.Wrap(err, "name")
	}
	if d.Summary == "" || strings.ContainsAny(d.Summary, "\r\n") {
		return nil, at.Wrap(errors.New("summary must be one line of text that says what the recipe does"), "summary")
	}
	r := &Recipe{Name: d.Name, Summary: d.Summary, Primary: d.Primary, Quiet: d.Quiet, primary: -1}
	if err := d.params(r, at); err != nil {
		return nil, err
	}
	if d.Primary != "" {
		place, ok := r.index[d.Primary]
		if !ok {
			return nil, at.Wrap(fmt.Errorf("primary names %q, but there is no such parameter", d.Primary), "primary")
		}
		r.primary = place
	}
	if err := d.cost(r, at); err != nil {
		return nil, err
	}
	if err := d.expand(r, at); err != nil {
		return nil, err
	}
	if err := d.steps(r, at, checks); err != nil {
		return nil, err
	}
	if err := d.reduce(r, at); err != nil {
		return nil, err
	}
	if err := d.retention(r, at); err != nil {
		return nil, err
	}
	if err := d.window(r, at); err != nil {
		return nil, err
	}
	r.example = r.makeExample()
	return r, nil
}

// params checks the parameters and puts them in the order of the document.
func (d *document) params(r *Recipe, at yamldoc.Position) error {
	if len(d.Params) > maxParams {
		return at.Wrap(fmt.Errorf("there are %d parameters: use at most %d", len(d.Params), maxParams), "params")
	}
	names := make([]string, 0, len(d.Params))
	for name := range d.Params {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := at.Line("params", names[i]), at.Line("params", names[j])
		return a < b || a == b && names[i] < names[j]
	})
	r.index = make(map[string]int, len(names))
	for i, name := range names {
		if !paramRE.MatchString(name) {
			return at.Wrap(fmt.Errorf("parameter %.80q: use 1 to 64 of a-z, 0-9 and '_', starting with a letter", name), "params", name)
		}
		doc := d.Params[name]
		p, err := doc.param(name)
		if err != nil {
			return at.Wrap(fmt.Errorf("parameter %s: %w", name, err), "params", name)
		}
		r.Params = append(r.Params, p)
		r.index[name] = i
		r.sorted = append(r.sorted, i)
	}
	sort.Slice(r.sorted, func(i, j int) bool { return r.Params[r.sorted[i]].Name < r.Params[r.sorted[j]].Name })
	return nil
}

func (d *document) steps(r *Recipe, at yamldoc.Position, checks Checks) error {
	r.plan.fixed.Quiet = d.Quiet
	params, index := r.names()
	if d.Fetch != nil {
		step, with, err := d.Fetch.step(index)
		if err == nil {
			r.plan.fetchGuard, err = guarded(checks.Fetch, "fetch", &step, with, params)
		}
		if err != nil {
			return at.Wrap(fmt.Errorf("fetch: %w", err), "fetch")
		}
		r.Fetch = &step
		fixed, open := step.event(with)
		r.plan.fixed.Fetch, r.plan.fetch = &fixed, open
	}
	if len(d.Crunch) > maxCrunch {
		return at.Wrap(fmt.Errorf("there are %d crunch steps: use at most %d", len(d.Crunch), maxCrunch), "crunch")
	}
	for i := range d.Crunch {
		where := "crunch step " + strconv.Itoa(i+1)
		step, with, err := d.Crunch[i].step(index)
		var guard *guard
		if err == nil {
			guard, err = guarded(checks.Crunch, where, &step, with, params)
		}
		if err != nil {
			return at.Wrap(fmt.Errorf("%s: %w", where, err), "crunch", strconv.Itoa(i))
		}
		r.Crunch = append(r.Crunch, step)
		fixed, open := step.event(with)
		r.plan.fixed.Crunch = append(r.plan.fixed.Crunch, fixed)
		if open != nil {
			if r.plan.crunch == nil {
				r.plan.crunch = make(map[int]openStep)
			}
			r.plan.crunch[i] = openStep{open, guard}
		}
	}
	return nil
}

// step checks a step. The template is nil if the step has no arguments.
func (d *stepDocument) step(index map[string]int) (Step, *template, error) {
	s := Step{Op: d.Op, Attempts: d.Attempts}
	if !opRE.MatchString(d.Op) {
		return s, nil, fmt.Errorf("op %.80q: write the name of an operation, such as http.get", d.Op)
	}
	if d.Timeout != "" {
		var err error
		if s.Timeout, err = time.ParseDuration(d.Timeout); err != nil || s.Timeout < time.Millisecond || s.Timeout > maxTimeout {
			return s, nil, fmt.Errorf("timeout %.40q: write a duration from 1ms to %s, such as 30s", d.Timeout, maxTimeout)
		}
	}
	if d.Attempts < 0 || d.Attempts > maxAttempts {
		return s, nil, fmt.Errorf("attempts %d: write a number from 1 to %d, or leave it out", d.Attempts, maxAttempts)
	}
	if d.With == nil {
		return s, nil, nil
	}
	t, err := compile(d.With, index)
	if err != nil {
		return s, nil, fmt.Errorf("with: %w", err)
	}
	if s.With, err = json.Marshal(d.With); err != nil {
		return s, nil, fmt.Errorf("with: %w", err)
	}
	return s, &t, nil
}
