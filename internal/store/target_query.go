package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Targets returns a page of targets in the order of their names, with what is known about them. Errors of the query itself wrap ErrQuery.
func (db *DB) Targets(ctx context.Context, q events.TargetQuery) (events.TargetPage, error) {
	page := events.TargetPage{Targets: []events.TargetStatus{}}
	sel, err := selectTargets(q)
	if err != nil {
		return page, err
	}
	rows, err := db.database.Targets(ctx, sel)
	if err != nil {
		return page, fmt.Errorf("query targets: %w", err)
	}
	if len(rows) == sel.Limit && q.Name == "" {
		rows = rows[:len(rows)-1]
		page.Next = rows[len(rows)-1].Name
	}
	if page.Targets, err = db.statuses(ctx, rows); err != nil {
		return page, fmt.Errorf("query targets: %w", err)
	}
	page.Outage, err = db.outage(ctx)
	return page, err
}

func selectTargets(q events.TargetQuery) (driver.TargetSelect, error) {
	limit, err := checkLimit(q.Limit)
	if err != nil {
		return driver.TargetSelect{}, err
	}
	switch q.State {
	case "", events.TargetNew, events.TargetUp, events.TargetDown, events.TargetPaused:
	default:
		return driver.TargetSelect{}, queryError("unknown state %.40q: use new, up, down or paused", string(q.State))
	}
	return driver.TargetSelect{Name: q.Name, Group: q.Group, Owner: q.Owner, Phase: string(q.State), After: q.After, Limit: limit + 1}, nil
}

// outage is that of our own which lasts, nil if there is none.
func (db *DB) outage(ctx context.Context) (*events.Outage, error) {
	list, err := db.database.LastOutages(ctx, 1)
	if err != nil || len(list) == 0 || list[0].Until != 0 {
		return nil, err
	}
	o := list[0].Event()
	return &o, nil
}

// statuses adds to targets what is known about them.
func (db *DB) statuses(ctx context.Context, rows []driver.Target) ([]events.TargetStatus, error) {
	list := make([]events.TargetStatus, len(rows))
	if len(rows) == 0 {
		return list, nil
	}
	now := uptime.InstantOf(db.now())
	nums := make([]int64, len(rows))
	for i := range rows {
		nums[i] = rows[i].Num
	}
	from := uptime.HistoryFrom(uptime.Hour, now)
	hours, err := db.database.Buckets(ctx, nums, uptime.Hour, from)
	if err != nil {
		return nil, err
	}
	for i := range hours {
		if hours[i].Start > from { // the share of 24 hours has these whole, and their minutes take longer to read than all else
			hours[i].Minutes = nil
		}
	}
	histories, err := histories(hours)
	if err != nil {
		return nil, err
	}
	sums, err := db.database.DaySums(ctx, nums, uptime.DaysFrom(now))
	if err != nil {
		return nil, err
	}
	byTarget := make(map[uint32]driver.Sums, len(sums))
	for _, s := range sums {
		byTarget[s.Target] = s
	}
	for i := range rows {
		if list[i], err = db.status(&rows[i], now); err != nil {
			return nil, err
		}
		h, s := histories[uint32(rows[i].Num)], byTarget[uint32(rows[i].Num)]
		list[i].Uptime = events.Uptime{
			Day: h.LastDay(now), Week: uptime.Share(s.Up[0], s.Down[0]), Month: uptime.Share(s.Up[1], s.Down[1]), Year: uptime.Share(s.Up[2], s.Down[2]),
		}
		list[i].Times = h.Times()
	}
	return list, nil
}

// histories sorts buckets by their targets.
func histories(rows []driver.Bucket) (map[uint32]uptime.History, error) {
	all := map[uint32]uptime.History{}
	for i := range rows {
		b, err := rows[i].Bucket()
		if err != nil {
			return nil, fmt.Errorf("bucket of target %d: %w", rows[i].Target, err)
		}
		h, ok := all[rows[i].Target]
		if !ok {
			h = uptime.NewHistory()
			all[rows[i].Target] = h
		}
		h.Add(rows[i].Size, rows[i].Start, b)
	}
	return all, nil
}

// status is a target without its shares.
func (db *DB) status(row *driver.Target, now uptime.Instant) (events.TargetStatus, error) {
	t, err := db.prepared.target(row)
	if err != nil {
		return events.TargetStatus{}, err
	}
	s, err := stateOf(row)
	if err != nil {
		return events.TargetStatus{}, err
	}
	return events.TargetStatus{
		Target: t.Target, State: events.TargetState(row.Phase), Since: s.Since.Time(), Flapping: s.Flapping, Maintained: t.Maintained(now),
		Checked: s.Last.Time(), Failing: s.Failing, Cause: s.Cause, ElapsedMS: float64(s.Elapsed.Microseconds()) / 1000, Certificate: s.Expires.Time(),
	}, nil
}

// What is told about one target.
const (
	hoursShown     = 48 * time.Hour
	minutesShown   = 3 * time.Hour
	incidentsShown = 20
)

// Target returns all about one target; nil if there is none of this name.
func (db *DB) Target(ctx context.Context, name string) (*events.TargetDetail, error) {
	rows, err := db.database.Targets(ctx, driver.TargetSelect{Name: name, Limit: 1})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	d, err := db.detail(ctx, rows)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", name, err)
	}
	return d, nil
}

func (db *DB) detail(ctx context.Context, rows []driver.Target) (*events.TargetDetail, error) {
	statuses, err := db.statuses(ctx, rows)
	if err != nil {
		return nil, err
	}
	now, nums := uptime.InstantOf(db.now()), []int64{rows[0].Num}
	days, err := db.database.Buckets(ctx, nums, uptime.Day, uptime.HistoryFrom(uptime.Day, now))
	if err != nil {
		return nil, err
	}
	hours, err := db.database.Buckets(ctx, nums, uptime.Hour, now.Add(-hoursShown).Floor(time.Hour))
	if err != nil {
		return nil, err
	}
	all, err := histories(append(days, hours...))
	if err != nil {
		return nil, err
	}
	incidents, err := db.Incidents(ctx, events.IncidentQuery{Target: rows[0].Name, Limit: incidentsShown})
	if err != nil {
		return nil, err
	}
	h := all[uint32(rows[0].Num)]
	return &events.TargetDetail{
		TargetStatus: statuses[0], Days: uptime.Spans(h.Days, 0), Hours: uptime.Spans(h.Hours, 0),
		Minutes: uptime.MinuteSpans(h.Hours, now.Add(-minutesShown).Floor(time.Minute)), Incidents: incidents.Incidents,
	}, nil
}

// maxOutages is how many outages of our own are listed.
const maxOutages = 20

// Incidents returns a page of incidents, newest first. Errors of the query itself wrap ErrQuery.
func (db *DB) Incidents(ctx context.Context, q events.IncidentQuery) (events.IncidentPage, error) {
	page := events.IncidentPage{Incidents: []events.Incident{}}
	limit, err := checkLimit(q.Limit)
	if err != nil {
		return page, err
	}
	sel := driver.IncidentSelect{Name: q.Target, Open: q.Open == "true", Limit: limit + 1}
	if q.Open != "" && q.Open != "true" && q.Open != "false" {
		return page, queryError("open %.40q: use true or false", q.Open)
	}
	if sel.Before, sel.Target, err = parseIncidentCursor(q.After); err != nil {
		return page, err
	}
	rows, err := db.database.Incidents(ctx, sel)
	if err != nil {
		return page, fmt.Errorf("query incidents: %w", err)
	}
	if len(rows) > limit {
		rows = rows[:limit]
		page.Next = formatIncidentCursor(rows[limit-1].Since, rows[limit-1].Target)
	}
	for _, i := range rows {
		page.Incidents = append(page.Incidents, db.incident(i))
	}
	if q.After != "" || q.Target != "" {
		return page, nil
	}
	outages, err := db.database.LastOutages(ctx, maxOutages)
	if err != nil {
		return page, fmt.Errorf("query outages: %w", err)
	}
	for _, o := range outages {
		page.Outages = append(page.Outages, o.Event())
	}
	return page, nil
}

func (db *DB) incident(i driver.Incident) events.Incident {
	until := i.Until
	if until == 0 {
		until = max(i.Since, uptime.InstantOf(db.now()))
	}
	return events.Incident{
		Target: i.Name, Group: i.Group, Cause: i.Cause, Since: i.Since.Time(), Until: i.Until.Time(), End: i.End,
		DurationMS: until.Sub(i.Since).Milliseconds(),
	}
}

// The place of an incident in their order.
const incidentCursor = "i."

func formatIncidentCursor(since uptime.Instant, target uint32) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s%d.%d", incidentCursor, since, target))
}

func parseIncidentCursor(s string) (uptime.Instant, uint32, error) {
	if s == "" {
		return math.MaxInt64, 0, nil
	}
	text, errText := base64.RawURLEncoding.DecodeString(s)
	rest, ok := strings.CutPrefix(string(text), incidentCursor)
	first, second, _ := strings.Cut(rest, ".")
	since, errSince := strconv.ParseInt(first, 10, 64)
	target, errTarget := strconv.ParseUint(second, 10, 32)
	if err := errors.Join(errText, errSince, errTarget); err != nil || !ok || formatIncidentCursor(uptime.Instant(since), uint32(target)) != s {
		return 0, 0, queryError("after %.40q is not a place in the incidents: use next of an earlier page", s)
	}
	return uptime.Instant(since), uint32(target), nil
}
