package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// TargetColumns are the columns of targets.
func TargetColumns() []Column[events.TargetStatus] {
	type target = events.TargetStatus
	share := func(of func(events.Uptime) *float64) func(target) string {
		return func(t target) string { return percent(of(t.Uptime)) }
	}
	return []Column[target]{
		{Name: "target", Text: func(t target) string { return t.Name }},
		{Name: "group", Text: func(t target) string { return t.Group }, Wide: true},
		{Name: "owner", Text: func(t target) string { return t.Owner }, Wide: true},
		{Name: "url", Text: func(t target) string { return t.URL() }, Wide: true},
		{Name: "state", Text: func(t target) string { return StateOf(&t) }},
		{Name: "since", Text: func(t target) string { return seconds(t.Since) }},
		{Name: "24h", Text: share(func(u events.Uptime) *float64 { return u.Day })},
		{Name: "7d", Text: share(func(u events.Uptime) *float64 { return u.Week })},
		{Name: "30d", Text: share(func(u events.Uptime) *float64 { return u.Month })},
		{Name: "365d", Text: share(func(u events.Uptime) *float64 { return u.Year })},
		{Name: "p50_ms", Text: func(t target) string { return milliseconds(t.Times.P50) }},
		{Name: "p95_ms", Text: func(t target) string { return milliseconds(t.Times.P95) }},
		{Name: "p99_ms", Text: func(t target) string { return milliseconds(t.Times.P99) }, Wide: true},
		{Name: "checked", Text: func(t target) string { return seconds(t.Checked) }},
		{Name: "certificate", Text: func(t target) string { return seconds(t.Certificate) }, Wide: true},
		{Name: "error", Text: func(t target) string {
			if t.Failing {
				return t.Cause
			}
			return ""
		}},
	}
}

// StateOf is the state of a target in words.
func StateOf(t *events.TargetStatus) string {
	var notes []string
	if t.Flapping {
		notes = append(notes, "flapping")
	}
	if t.Maintained {
		notes = append(notes, "maintenance")
	}
	if t.Failing && t.State == events.TargetUp {
		notes = append(notes, "failing")
	}
	if len(notes) == 0 {
		return string(t.State)
	}
	return fmt.Sprintf("%s (%s)", t.State, strings.Join(notes, ", "))
}

// IncidentColumns are the columns of incidents.
func IncidentColumns() []Column[events.Incident] {
	return []Column[events.Incident]{
		{Name: "target", Text: func(i events.Incident) string { return i.Target }},
		{Name: "group", Text: func(i events.Incident) string { return i.Group }, Wide: true},
		{Name: "since", Text: func(i events.Incident) string { return seconds(i.Since) }},
		{Name: "until", Text: func(i events.Incident) string { return seconds(i.Until) }},
		{Name: "duration", Text: func(i events.Incident) string { return Lasted(i.DurationMS) }},
		{Name: "end", Text: func(i events.Incident) string { return i.End }},
		{Name: "cause", Text: func(i events.Incident) string { return i.Cause }},
	}
}

// SpanColumns are the columns of what is known about days or hours of a target.
func SpanColumns() []Column[events.UptimeSpan] {
	type span = events.UptimeSpan
	return []Column[span]{
		{Name: "start", Text: func(s span) string { return seconds(s.Start) }},
		{Name: "up", Text: func(s span) string {
			if s.UpMS+s.DownMS == 0 {
				return ""
			}
			share := float64(s.UpMS) / float64(s.UpMS+s.DownMS)
			return percent(&share)
		}},
		{Name: "down", Text: func(s span) string { return Lasted(s.DownMS) }},
		{Name: "maintenance", Text: func(s span) string { return Lasted(s.MaintainedMS) }},
		{Name: "our_outage", Text: func(s span) string { return Lasted(s.OutageMS) }},
		{Name: "unknown", Text: func(s span) string { return Lasted(s.UnknownMS) }},
		{Name: "mean_ms", Text: func(s span) string { return milliseconds(s.MeanMS) }},
		{Name: "max_ms", Text: func(s span) string { return milliseconds(s.MaxMS) }},
	}
}

// ChangeColumns are the columns of what applying targets does.
func ChangeColumns() []Column[events.AppliedChange] {
	return []Column[events.AppliedChange]{
		{Name: "target", Text: func(c events.AppliedChange) string { return c.Name }},
		{Name: "action", Text: func(c events.AppliedChange) string { return c.Action }},
		{Name: "fields", Text: func(c events.AppliedChange) string { return strings.Join(c.Fields, ", ") }},
	}
}

// percent writes a share with three digits, and never 100 % for what is less.
func percent(share *float64) string {
	if share == nil {
		return ""
	}
	if text := strconv.FormatFloat(100**share, 'f', 3, 64); text != "100.000" {
		return text + " %"
	}
	if *share < 1 {
		return "99.999 %"
	}
	return "100 %"
}

// Lasted writes a duration; nothing for none.
func Lasted(ms int64) string {
	if ms == 0 {
		return ""
	}
	return (time.Duration(ms) * time.Millisecond).Round(time.Second).String()
}

func milliseconds(ms float64) string {
	if ms == 0 {
		return ""
	}
	return strconv.FormatFloat(ms, 'f', 1, 64)
}
