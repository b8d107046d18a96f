package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// ApplyOptions say how a document of targets is applied.
type ApplyOptions struct {
	Prune  bool // remove the targets that it does not have
	DryRun bool // only tell what would be done
}

// ApplyTargets makes the targets be what a document says, in one transaction. Applying it again changes nothing.
func (db *DB) ApplyTargets(ctx context.Context, d *uptime.Document, o ApplyOptions) (events.Applied, error) {
	var applied events.Applied
	err := db.changeTargets(ctx, func(ctx context.Context, c *targetChange) error {
		plan := uptime.Compare(c.specs(), d.Targets, o.Prune)
		applied, applied.DryRun = plan.Applied, o.DryRun
		policy := c.settings.Policy
		if d.Policy != nil {
			data, err := json.Marshal(d.Policy)
			if err != nil {
				return err
			}
			policy = string(data)
		}
		applied.Settings = policy != c.settings.Policy
		if o.DryRun {
			return nil
		}
		c.settings.Policy, c.dirty = policy, applied.Settings
		return c.carryOut(ctx, plan)
	})
	if err != nil {
		return events.Applied{}, fmt.Errorf("apply targets: %w", err)
	}
	return applied, nil
}

// RemoveTargets removes targets by their names, in one transaction: all of them or, if one is not there, none. Its error wraps ErrQuery then.
func (db *DB) RemoveTargets(ctx context.Context, names []string) (events.Applied, error) {
	var applied events.Applied
	err := db.changeTargets(ctx, func(ctx context.Context, c *targetChange) error {
		rest := c.specs()
		for _, name := range names {
			if _, ok := rest[name]; !ok {
				return queryError("there is no target %.140q: list those that there are with: fetchmill uptime ls", name)
			}
			delete(rest, name)
		}
		plan := uptime.Compare(c.specs(), slices.Collect(maps.Values(rest)), true)
		applied = plan.Applied
		return c.carryOut(ctx, plan)
	})
	if err != nil {
		return events.Applied{}, fmt.Errorf("remove targets: %w", err)
	}
	return applied, nil
}

// targetChange is a transaction that changes targets.
type targetChange struct {
	*change
	settings driver.Watch
	dirty    bool // something has changed
	targets  map[string]*driver.Target
	have     map[string]events.Target
	removed  []int64
}

func (db *DB) changeTargets(ctx context.Context, fn func(context.Context, *targetChange) error) error {
	var removed []int64
	err := db.change(ctx, func(ctx context.Context, c *change) error {
		t := &targetChange{change: c}
		if err := t.read(ctx); err != nil {
			return err
		}
		if err := fn(ctx, t); err != nil {
			return err
		}
		removed = t.removed
		return nil
	})
	if err == nil {
		db.prepared.forget(removed)
	}
	return err
}

func (c *targetChange) read(ctx context.Context) error {
	var err error
	if c.settings, err = c.tx.LoadWatch(ctx); err != nil {
		return err
	}
	rows, err := c.tx.AllTargets(ctx)
	if err != nil {
		return err
	}
	c.targets, c.have = make(map[string]*driver.Target, len(rows)), make(map[string]events.Target, len(rows))
	for i := range rows {
		c.targets[rows[i].Name] = &rows[i]
		if c.have[rows[i].Name], err = specOf(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *targetChange) specs() map[string]events.Target { return maps.Clone(c.have) }

func (c *targetChange) carryOut(ctx context.Context, plan uptime.Plan) error {
	if len(plan.Changes) > 0 {
		c.dirty = true
	}
	if !c.dirty {
		return nil
	}
	c.settings.Version++
	if len(c.settings.Secret) == 0 {
		c.settings.Secret = make([]byte, 32)
		_, _ = rand.Read(c.settings.Secret) // never fails since Go 1.24
	}
	if err := c.remove(ctx, plan.Remove); err != nil {
		return err
	}
	if err := c.alter(ctx, plan.Change); err != nil {
		return err
	}
	if err := c.add(ctx, plan.Add); err != nil {
		return err
	}
	if err := c.sumUp(); err != nil {
		return err
	}
	return c.tx.SaveWatch(ctx, c.settings)
}

func (c *targetChange) remove(ctx context.Context, names []string) error {
	for _, name := range names {
		row := c.targets[name]
		if err := c.end(ctx, row, uptime.EndRemoved); err != nil {
			return err
		}
		c.removed = append(c.removed, row.Num)
		delete(c.have, name)
	}
	return c.tx.RemoveTargets(ctx, c.removed, uptime.InstantOf(c.now))
}

// end ends the incident of a target that is no longer looked at, and tells those who follow.
func (c *targetChange) end(ctx context.Context, row *driver.Target, how string) error {
	s, err := stateOf(row)
	if err != nil {
		return err
	}
	if s.Phase != events.TargetDown {
		return nil
	}
	spec, now := c.have[row.Name], uptime.InstantOf(c.now)
	i := s.EndIncident(uint32(row.Num), now, how)
	if err := c.tx.SaveIncidents(ctx, []driver.Incident{{Incident: i, Name: row.Name, Group: row.Group}}); err != nil {
		return err
	}
	m, err := i.Message(&spec, events.TargetChange(how), now)
	if err != nil {
		return err
	}
	c.outbox = append(c.outbox, outboxOf([]uptime.Message{m})...)
	return nil
}

func (c *targetChange) alter(ctx context.Context, specs []events.Target) error {
	rows := make([]driver.Target, 0, len(specs))
	for i := range specs {
		spec, row := &specs[i], c.targets[specs[i].Name]
		before := c.have[spec.Name]
		if before.Paused != spec.Paused { // it begins anew
			if err := c.end(ctx, row, uptime.EndPaused); err != nil {
				return err
			}
			state, err := asState(uint32(row.Num), &uptime.State{})
			if err != nil {
				return err
			}
			row.TargetState = state
		}
		if !uptime.Asks(&before, spec) {
			row.Revision++
		}
		if err := c.describe(row, spec); err != nil {
			return err
		}
		rows = append(rows, *row)
	}
	return c.tx.ChangeTargets(ctx, rows)
}

func (c *targetChange) add(ctx context.Context, specs []events.Target) error {
	rows := make([]driver.Target, len(specs))
	for i := range specs {
		state, err := asState(0, &uptime.State{})
		if err != nil {
			return err
		}
		rows[i].Name, rows[i].TargetState = specs[i].Name, state
		if err := c.describe(&rows[i], &specs[i]); err != nil {
			return err
		}
	}
	return c.tx.AddTargets(ctx, rows)
}

// describe writes a configuration into a row.
func (c *targetChange) describe(row *driver.Target, spec *events.Target) error {
	data, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	row.Group, row.Owner, row.Spec, row.Site, row.Version = spec.Group, spec.Owner, string(data), uptime.Site(*spec), c.settings.Version
	if spec.Paused {
		row.Phase = string(events.TargetPaused)
	}
	c.have[spec.Name] = *spec
	return nil
}

// sumUp finds out what is for all targets together.
func (c *targetChange) sumUp() error {
	sites, channels := map[string]bool{}, map[string]bool{}
	for _, spec := range c.have {
		if spec.Paused {
			continue
		}
		sites[uptime.Site(spec)] = true
		for _, name := range spec.Channels {
			channels[name] = true
		}
	}
	data, err := json.Marshal(slices.Sorted(maps.Keys(channels)))
	c.settings.Sites, c.settings.Channels = len(sites), string(data)
	return err
}

// How long what is known about targets is kept. Days are kept for longer than the longest share needs.
const (
	minutesKept   = 49 * time.Hour
	hoursKept     = 8 * 24 * time.Hour
	daysKept      = 400 * 24 * time.Hour
	incidentsKept = 400 * 24 * time.Hour
	forgetAtOnce  = 500
)

// PruneTargets forgets some of what is kept about targets and is too old, and of targets that were removed, and tells whether there is more.
func (db *DB) PruneTargets(ctx context.Context, now time.Time) (more bool, err error) {
	i := uptime.InstantOf(now)
	err = db.change(ctx, func(ctx context.Context, c *change) error {
		more, err = c.tx.Prune(ctx, driver.Prune{
			Minutes: i.Add(-minutesKept), Hours: i.Add(-hoursKept), Days: i.Add(-daysKept), Incidents: i.Add(-incidentsKept), Limit: forgetAtOnce,
		})
		return err
	})
	if err != nil {
		return false, fmt.Errorf("prune what is known about targets: %w", err)
	}
	return more, nil
}
