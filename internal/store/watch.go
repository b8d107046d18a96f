package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// watch is the aggregate of targets: what checks say about them. A result is a check if its id says so and proves it.
type watch struct {
	prepared *prepared
	now      uptime.Instant
	round    *uptime.Round // nil if there is no check among the results
	secret   uptime.Secret
	targets  map[uint32]*uptime.Target
}

func (w *watch) load(ctx context.Context, tx driver.Tx, counted []*news) error {
	nums := map[int64]bool{}
	for _, n := range counted {
		if n == nil || !n.isNew {
			continue
		}
		if id, ok := events.ParseCheckID(n.ID); ok {
			nums[int64(id.Target)] = true
		}
	}
	if len(nums) == 0 {
		return nil
	}
	rows, err := tx.LoadTargets(ctx, slices.Sorted(maps.Keys(nums)))
	if err != nil || len(rows) == 0 {
		return err
	}
	settings, err := tx.LoadWatch(ctx)
	if err != nil {
		return fmt.Errorf("load the settings: %w", err)
	}
	w.secret, w.targets = settings.Secret, make(map[uint32]*uptime.Target, len(rows))
	if w.round, err = newRound(ctx, tx, settings); err != nil {
		return err
	}
	w.round.Now = w.now
	for i := range rows {
		t, err := w.prepared.target(&rows[i])
		if err != nil {
			return err
		}
		if t.Paused { // what is still on its way changes nothing
			continue
		}
		state, err := stateOf(&rows[i])
		if err != nil {
			return err
		}
		w.targets[t.Num] = t
		w.round.Load(t, state)
	}
	return nil
}

func newRound(ctx context.Context, tx driver.Tx, settings driver.Watch) (*uptime.Round, error) {
	policy, err := policyOf(settings)
	if err != nil {
		return nil, err
	}
	r := uptime.NewRound()
	r.Policy, r.Sites = policy, settings.Sites
	if err := json.Unmarshal([]byte(settings.Channels), &r.Channels); err != nil {
		return nil, fmt.Errorf("read the channels of all targets: %w", err)
	}
	r.Seen = func(since uptime.Instant) ([]uptime.Witness, error) { return tx.Witnesses(ctx, since) }
	r.Answering = func(before uptime.Instant, limit int) ([]uptime.Witness, error) {
		return tx.Answering(ctx, before, limit)
	}
	return r, nil
}

func policyOf(settings driver.Watch) (uptime.Policy, error) {
	p := uptime.DefaultPolicy()
	if settings.Policy == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(settings.Policy), &p); err != nil {
		return p, fmt.Errorf("read the policy about outages: %w", err)
	}
	return p, nil
}

func (w *watch) add(n *news) {
	if w.round == nil || !n.isNew {
		return
	}
	id, ok := events.ParseCheckID(n.ID)
	if !ok {
		return
	}
	// One of a target that was removed or asks something else now says nothing about those that there are.
	if t := w.targets[id.Target]; t != nil && w.secret.Ordered(t, id) {
		w.round.Add(t.Num, t.Judge(context.Background(), id, n.Result))
	}
}

func (w *watch) flush(ctx context.Context, tx driver.Tx) ([]driver.OutboxRow, error) {
	if w.round == nil {
		return nil, nil
	}
	var err error
	if w.round.Outages, err = tx.LoadOutages(ctx, w.round.From()); err != nil {
		return nil, fmt.Errorf("load outages: %w", err)
	}
	if err := w.round.Run(); err != nil {
		return nil, err
	}
	if err := w.save(ctx, tx); err != nil {
		return nil, err
	}
	return outboxOf(w.round.Messages()), nil
}

func (w *watch) save(ctx context.Context, tx driver.Tx) error {
	states := make([]driver.TargetState, 0, len(w.targets))
	for _, e := range w.round.Changed() {
		s, err := asState(e.Num, &e.State)
		if err != nil {
			return err
		}
		states = append(states, s)
	}
	if err := tx.SaveStates(ctx, states); err != nil {
		return err
	}
	var rechecks []driver.Recheck
	for num, at := range w.round.Rechecks() {
		rechecks = append(rechecks, driver.Recheck{Target: int64(num), At: at})
	}
	if err := tx.SetRechecks(ctx, rechecks); err != nil {
		return err
	}
	if err := tx.SaveOutages(ctx, w.round.ChangedOutages()); err != nil {
		return err
	}
	var incidents []driver.Incident
	for _, i := range w.round.Incidents() {
		t := w.targets[i.Target]
		incidents = append(incidents, driver.Incident{Incident: i, Name: t.Name, Group: t.Group})
	}
	if err := tx.SaveIncidents(ctx, incidents); err != nil {
		return err
	}
	return saveBuckets(ctx, tx, w.round.Buckets())
}

// saveBuckets adds to the buckets that are there.
func saveBuckets(ctx context.Context, tx driver.Tx, added map[uptime.Key]*uptime.Bucket) error {
	there, err := tx.LoadBuckets(ctx, slices.Collect(maps.Keys(added)))
	if err != nil {
		return err
	}
	for i := range there {
		b, err := there[i].Bucket()
		if err != nil {
			return fmt.Errorf("bucket of target %d: %w", there[i].Target, err)
		}
		added[there[i].Key].Merge(b)
	}
	rows := make([]driver.Bucket, 0, len(added))
	for key, b := range added {
		rows = append(rows, driver.Bucket{Key: key, Row: b.Row()})
	}
	return tx.SaveBuckets(ctx, rows)
}

func outboxOf(messages []uptime.Message) []driver.OutboxRow {
	rows := make([]driver.OutboxRow, len(messages))
	for i, m := range messages {
		rows[i] = driver.OutboxRow{Subject: m.Subject, MsgID: m.MsgID, Type: m.Type, Data: m.Data}
	}
	return rows
}

func stateOf(row *driver.Target) (s uptime.State, err error) {
	if err := json.Unmarshal([]byte(row.State), &s); err != nil {
		return s, fmt.Errorf("read the state of target %s: %w", row.Name, err)
	}
	s.Recheck = row.Recheck
	return s, nil
}

func asState(num uint32, s *uptime.State) (driver.TargetState, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return driver.TargetState{}, fmt.Errorf("encode the state of target %d: %w", num, err)
	}
	row := driver.TargetState{Num: int64(num), Phase: string(s.Phase), Recheck: s.Recheck, State: string(data)}
	if row.Phase == "" {
		row.Phase = string(events.TargetNew)
	}
	row.Evidence, row.Said = s.Evidence()
	return row, nil
}

// prepared keeps targets that are ready to be judged.
type prepared struct {
	mu   sync.Mutex
	kept map[uint32]ready
}

type ready struct {
	version int64
	target  *uptime.Target
}

// target prepares a target, or finds it as it was prepared before.
func (p *prepared) target(row *driver.Target) (*uptime.Target, error) {
	num := uint32(row.Num)
	p.mu.Lock()
	defer p.mu.Unlock()
	if k, ok := p.kept[num]; ok && k.version == row.Version {
		return k.target, nil
	}
	spec, err := specOf(row)
	if err != nil {
		return nil, err
	}
	t, err := uptime.Prepare(num, int(row.Revision), spec)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", row.Name, err)
	}
	if p.kept == nil {
		p.kept = map[uint32]ready{}
	}
	p.kept[num] = ready{row.Version, t}
	return t, nil
}

// forget drops those of targets that are removed.
func (p *prepared) forget(nums []int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, num := range nums {
		delete(p.kept, uint32(num))
	}
}

func specOf(row *driver.Target) (spec events.Target, err error) {
	if err := json.Unmarshal([]byte(row.Spec), &spec); err != nil {
		return spec, fmt.Errorf("read target %s: %w", row.Name, err)
	}
	return spec, nil
}
