package uptime

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/internal/yamldoc"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Bounds of a document: generous for people, small enough for a program that reads what strangers send.
const (
	MaxDocumentBytes = 32 << 20
	maxTargets       = 100_000
)

// ErrDocument means that a document of targets cannot be used. The text names the line and what to write instead.
var ErrDocument = errors.New("targets")

// Document is what an operator wants to be watched.
type Document struct {
	Targets []events.Target
	Policy  *Policy // nil if the document does not say anything about outages of our own
}

// Recipes finds a recipe by its name; the error of an unknown one lists those that there are.
type Recipes interface {
	Find(name string) (*recipe.Recipe, error)
}

type fileDocument struct {
	Defaults targetDocument   `yaml:"defaults"`
	Outage   *outageDocument  `yaml:"outage"`
	Targets  []targetDocument `yaml:"targets"`
}

type targetDocument struct {
	Name            string                `yaml:"name"`
	URL             string                `yaml:"url"`
	Recipe          string                `yaml:"recipe"`
	Params          map[string]any        `yaml:"params"`
	Interval        string                `yaml:"interval"`
	Recheck         string                `yaml:"recheck"`
	Failures        int                   `yaml:"failures"`
	Successes       int                   `yaml:"successes"`
	Owner           string                `yaml:"owner"`
	Channels        []string              `yaml:"channels"`
	Group           string                `yaml:"group"`
	Conditions      []string              `yaml:"conditions"`
	Remind          string                `yaml:"remind"`
	CertificateDays *int                  `yaml:"certificate_days"`
	Maintenance     []maintenanceDocument `yaml:"maintenance"`
	Paused          bool                  `yaml:"paused"`
}

type maintenanceDocument struct {
	From  string   `yaml:"from"`
	At    string   `yaml:"at"`
	For   string   `yaml:"for"`
	Days  []string `yaml:"days"`
	Dates []int    `yaml:"dates"`
	Zone  string   `yaml:"zone"`
	Note  string   `yaml:"note"`
}

type outageDocument struct {
	Share    *int     `yaml:"share"`
	Sites    *int     `yaml:"sites"`
	Wait     string   `yaml:"wait"`
	Channels []string `yaml:"channels"`
}

// Parse reads a document of targets, YAML or JSON, and checks all of it: what is asked of each target by the recipes, if they are given, too.
// Its errors wrap ErrDocument.
func Parse(data []byte, recipes Recipes) (*Document, error) {
	d, err := parse(data, recipes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	return d, nil
}

func parse(data []byte, recipes Recipes) (*Document, error) {
	if len(data) > MaxDocumentBytes {
		return nil, fmt.Errorf("the document has %d bytes: at most %d are read", len(data), MaxDocumentBytes)
	}
	var file fileDocument
	at, err := yamldoc.Decode(data, &file)
	switch {
	case errors.Is(err, yamldoc.ErrEmpty):
		return nil, fmt.Errorf("%w: write at least targets: [], which is none", err)
	case errors.Is(err, yamldoc.ErrSeveral):
		return nil, fmt.Errorf("%w: write one document per file", err)
	case err != nil:
		return nil, err
	}
	return file.document(at, recipes)
}

func (f *fileDocument) document(at yamldoc.Position, recipes Recipes) (*Document, error) {
	if f.Defaults.Name != "" || f.Defaults.URL != "" {
		return nil, at.Wrap(errors.New("defaults: name and url are what tells targets apart: write them under targets"), "defaults")
	}
	if len(f.Targets) > maxTargets {
		return nil, at.Wrap(fmt.Errorf("there are %d targets: use at most %d", len(f.Targets), maxTargets), "targets")
	}
	d := &Document{Targets: make([]events.Target, 0, len(f.Targets))}
	if f.Outage != nil {
		p, err := f.Outage.policy()
		if err != nil {
			return nil, at.Wrap(fmt.Errorf("outage: %w", err), "outage")
		}
		d.Policy = &p
	}
	lines := make(map[string]int, len(f.Targets))
	for i := range f.Targets {
		place := strconv.Itoa(i)
		t, field, err := f.Targets[i].target(&f.Defaults, recipes)
		if err != nil {
			if f.Targets[i].has(field) {
				return nil, at.Wrap(fmt.Errorf("target %.80s: %w", t.Name, err), "targets", place, field)
			}
			return nil, at.Wrap(fmt.Errorf("target %.80s: %w", t.Name, err), "targets", place)
		}
		if before, twice := lines[t.Name]; twice {
			return nil, at.Wrap(fmt.Errorf("target %s is there twice, in line %d too: give one of them another name", t.Name, before), "targets", place)
		}
		lines[t.Name] = at.Line("targets", place)
		d.Targets = append(d.Targets, t)
	}
	return d, nil
}

// has tells whether a field is written here, and not only among the defaults.
func (d *targetDocument) has(field string) bool {
	switch field {
	case "conditions":
		return d.Conditions != nil
	case "maintenance":
		return d.Maintenance != nil
	case "channels":
		return d.Channels != nil
	default:
		return true // Position finds the target, if it does not find the field
	}
}

// defaultName makes a name of a URL's host.
func defaultName(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Hostname()
	}
	return ""
}

func (d *outageDocument) policy() (Policy, error) {
	p := DefaultPolicy()
	if d.Share != nil {
		p.Share = *d.Share
	}
	if d.Sites != nil {
		p.Sites = *d.Sites
	}
	if p.Share != 0 && (p.Share < 51 || p.Share > 100) {
		return p, fmt.Errorf("share %d: write a percentage from 51 to 100, or 0 never to take the fault for our own", p.Share)
	}
	if p.Sites < 2 || p.Sites > 1000 {
		return p, fmt.Errorf("sites %d: write a number from 2 to 1000", p.Sites)
	}
	var err error
	if p.Wait, err = readDuration("wait", d.Wait, p.Wait, bounds{least: time.Second, most: time.Hour}); err != nil {
		return p, err
	}
	p.Channels = d.Channels
	return p, checkChannels(d.Channels)
}

// bounds are those of a duration.
type bounds struct {
	least, most time.Duration
	orNone      bool // 0 is allowed, too
}

// readDuration reads a duration; an empty text is the default.
func readDuration(name, text string, otherwise time.Duration, b bounds) (time.Duration, error) {
	if text == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	switch {
	case err == nil && d == 0 && b.orNone:
		return 0, nil
	case err == nil && d >= b.least && d <= b.most:
		return d.Truncate(time.Millisecond), nil
	case b.orNone:
		return 0, fmt.Errorf("%s %.40q: write a duration from %s to %s, such as 30s or 5m, or 0s for none", name, text, b.least, b.most)
	default:
		return 0, fmt.Errorf("%s %.40q: write a duration from %s to %s, such as 30s or 5m", name, text, b.least, b.most)
	}
}

const maxChannels = 20

func checkChannels(names []string) error {
	if len(names) > maxChannels {
		return fmt.Errorf("there are %d channels: use at most %d", len(names), maxChannels)
	}
	for _, name := range names {
		if err := events.ValidName(name); err != nil {
			return fmt.Errorf("channel: %w", err)
		}
	}
	return nil
}
