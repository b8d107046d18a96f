package uptime

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// What holds for a target that does not say otherwise.
const (
	defaultRecipe      = "uptime"
	defaultInterval    = time.Minute
	defaultRecheck     = 10 * time.Second
	defaultFailures    = 3
	defaultSuccesses   = 1
	defaultRemind      = 6 * time.Hour
	defaultCertificate = 14
)

const (
	minInterval   = time.Second
	maxInterval   = 7 * 24 * time.Hour
	maxRuns       = 100 // failures, and successes, in a row
	maxDays       = 3650
	maxConditions = 20
	maxWindows    = 50
	maxText       = 200 // characters of a group, an owner and a note
)

// target makes a target of what is written, with the defaults. With an error it returns the field that is wrong.
func (d *targetDocument) target(defaults *targetDocument, recipes Recipes) (t events.Target, field string, err error) {
	t = events.Target{
		Name: cmp.Or(d.Name, defaultName(d.URL)), Group: cmp.Or(d.Group, defaults.Group), Owner: cmp.Or(d.Owner, defaults.Owner),
		Channels: either(d.Channels, defaults.Channels), Conditions: either(d.Conditions, defaults.Conditions),
		Recipe:    cmp.Or(d.Recipe, defaults.Recipe, defaultRecipe),
		Failures:  cmp.Or(d.Failures, defaults.Failures, defaultFailures),
		Successes: cmp.Or(d.Successes, defaults.Successes, defaultSuccesses),
		Paused:    d.Paused || defaults.Paused, CertificateDays: defaultCertificate,
	}
	for _, days := range []*int{defaults.CertificateDays, d.CertificateDays} {
		if days != nil {
			t.CertificateDays = *days
		}
	}
	for _, part := range []struct {
		field string
		check func() error
	}{
		{"name", func() error { return d.checkName(t.Name) }},
		{"url", func() error { return d.readParams(&t, defaults) }},
		{"interval", func() error { return d.readTimes(&t, defaults) }},
		{"failures", func() error { return checkRun("failures", t.Failures) }},
		{"successes", func() error { return checkRun("successes", t.Successes) }},
		{"certificate_days", func() error { return checkDays(t.CertificateDays) }},
		{"channels", func() error { return checkChannels(t.Channels) }},
		{"group", func() error { return checkText("group", t.Group) }},
		{"owner", func() error { return checkText("owner", t.Owner) }},
		{"maintenance", func() error { return readWindows(&t, either(d.Maintenance, defaults.Maintenance)) }},
		{"conditions", func() error { return checkConditions(&t) }},
		{"params", func() error { return checkRecipe(&t, recipes) }},
	} {
		if err := part.check(); err != nil {
			return t, part.field, err
		}
	}
	return t, "", nil
}

// either is the first list that is written; an empty one is written, too.
func either[E any](own, defaults []E) []E {
	if own != nil {
		return own
	}
	return defaults
}

func (d *targetDocument) checkName(name string) error {
	if name == "" {
		return errors.New("it has no name: write one, or a url whose host is to be its name")
	}
	return events.ValidTarget(name)
}

func (d *targetDocument) readParams(t *events.Target, defaults *targetDocument) error {
	params := map[string]any{}
	for _, from := range []map[string]any{defaults.Params, d.Params} {
		for name, v := range from {
			params[name] = v
		}
	}
	if d.URL != "" {
		if _, twice := d.Params["url"]; twice {
			return errors.New("url is there twice: write it as url, or among params")
		}
		params["url"] = d.URL
	}
	raw, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("params: %w: use texts, numbers, true, false, lists and objects whose keys are texts", err)
	}
	t.Params = raw
	return nil
}

func (d *targetDocument) readTimes(t *events.Target, defaults *targetDocument) error {
	interval, err := readDuration("interval", cmp.Or(d.Interval, defaults.Interval), defaultInterval, bounds{least: minInterval, most: maxInterval})
	if err != nil {
		return err
	}
	recheck, err := readDuration("recheck", cmp.Or(d.Recheck, defaults.Recheck), defaultRecheck, bounds{time.Second, maxInterval, true})
	if err != nil {
		return err
	}
	remind, err := readDuration("remind", cmp.Or(d.Remind, defaults.Remind), defaultRemind, bounds{time.Minute, 365 * 24 * time.Hour, true})
	if err != nil {
		return err
	}
	t.IntervalMS, t.RecheckMS, t.RemindMS = interval.Milliseconds(), recheck.Milliseconds(), remind.Milliseconds()
	return nil
}

func checkRun(what string, n int) error {
	if n < 1 || n > maxRuns {
		return fmt.Errorf("%s %d: write a number from 1 to %d", what, n, maxRuns)
	}
	return nil
}

func checkDays(n int) error {
	if n < 0 || n > maxDays {
		return fmt.Errorf("certificate_days %d: write a number from 1 to %d, or 0 not to be told of certificates", n, maxDays)
	}
	return nil
}

func checkText(what, s string) error {
	if len(s) > maxText || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%s %.40q: write one line of at most %d bytes", what, s, maxText)
	}
	return nil
}

func checkConditions(t *events.Target) error {
	if len(t.Conditions) > maxConditions {
		return fmt.Errorf("there are %d conditions: use at most %d", len(t.Conditions), maxConditions)
	}
	_, err := Prepare(0, 0, *t)
	return err
}

// checkRecipe asks the recipe what it thinks of the parameters.
func checkRecipe(t *events.Target, recipes Recipes) error {
	if recipes == nil {
		return nil
	}
	r, err := recipes.Find(t.Recipe)
	if err != nil {
		return err
	}
	_, err = r.Resolve(events.Input{Params: t.Params})
	return err
}

func readWindows(t *events.Target, list []maintenanceDocument) error {
	if len(list) > maxWindows {
		return fmt.Errorf("there are %d times of maintenance: use at most %d", len(list), maxWindows)
	}
	for i := range list {
		m, err := list[i].maintenance()
		if err == nil {
			_, err = newWindow(m)
		}
		if err != nil {
			return fmt.Errorf("maintenance %d: %w", i+1, err)
		}
		t.Maintenance = append(t.Maintenance, m)
	}
	return nil
}

func (d *maintenanceDocument) maintenance() (events.Maintenance, error) {
	m := events.Maintenance{At: d.At, Dates: d.Dates, Note: d.Note}
	length, err := readDuration("for", d.For, 0, bounds{least: time.Minute, most: maxMaintenance})
	if err != nil {
		return m, err
	}
	m.ForMS = length.Milliseconds()
	if err := checkText("note", d.Note); err != nil {
		return m, err
	}
	for _, days := range d.Days {
		list, err := weekdays(days)
		if err != nil {
			return m, err
		}
		m.Days = append(m.Days, list...)
	}
	if d.From == "" {
		m.Zone = d.Zone
		return m, nil
	}
	zone, err := time.LoadLocation(d.Zone)
	if err != nil {
		return m, fmt.Errorf("zone %.80q is not known: write a name of the IANA database, such as Europe/Berlin", d.Zone)
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if from, err := time.ParseInLocation(layout, d.From, zone); err == nil {
			m.From = from.UTC()
			return m, nil
		}
	}
	return m, fmt.Errorf("from %.40q: write a time such as 2026-01-31T22:00", d.From)
}

// weekdays reads a day, or a range such as mon-fri.
func weekdays(s string) ([]string, error) {
	first, last, isRange := strings.Cut(strings.ToLower(s), "-")
	from, to := slices.Index(weekdayNames, first), slices.Index(weekdayNames, last)
	if !isRange {
		to = from
	}
	if from < 0 || to < 0 {
		return nil, fmt.Errorf("day %.40q: write one of %s, or a range such as mon-fri", s, strings.Join(weekdayNames, ", "))
	}
	var list []string
	for i := from; ; i = (i + 1) % 7 {
		list = append(list, weekdayNames[i])
		if i == to {
			return list, nil
		}
	}
}
