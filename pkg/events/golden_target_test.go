package events_test

import (
	"encoding/json"
	"maps"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func fullTarget() events.Target {
	return events.Target{
		Name: "shop", Group: "web", Owner: "Ada Example", Channels: []string{"ops", "ada-mail"}, Recipe: "uptime",
		Params: json.RawMessage(`{"url":"https://shop.example.com/"}`), Conditions: []string{"status < 400"},
		IntervalMS: 60_000, RecheckMS: 10_000, Failures: 3, Successes: 2, RemindMS: 3_600_000, CertificateDays: 14,
		Maintenance: []events.Maintenance{
			{From: submitted, ForMS: 7_200_000, Note: "move"},
			{At: "02:00", Days: []string{"sat"}, Dates: []int{1, 15}, Zone: "Europe/Berlin", ForMS: 3_600_000},
		},
		Paused: true,
	}
}

func fullStatus() events.TargetStatus {
	share := 0.9975
	return events.TargetStatus{
		Target: fullTarget(), State: events.TargetDown, Since: submitted, Flapping: true, Maintained: true, Checked: finished, Failing: true,
		Cause: "status 503", ElapsedMS: 48.25, Certificate: deadline,
		Uptime: events.Uptime{Day: &share, Week: &share, Month: &share, Year: &share},
		Times:  events.ResponseTimes{P50: 20.5, P95: 80, P99: 120.25},
	}
}

func fullIncident() events.Incident {
	return events.Incident{
		Target: "shop", Group: "web", Cause: "status 503", Since: submitted, Until: finished, End: "up", DurationMS: 1376,
	}
}

// targetRecords are those about targets.
func targetRecords() map[string]any {
	least := events.TargetStatus{
		Target: events.Target{Name: "shop", Recipe: "uptime", IntervalMS: 60_000, Failures: 3, Successes: 1}, State: events.TargetNew,
	}
	outage := events.Outage{Since: submitted, Until: finished, Sites: 37, Failing: 36}
	span := events.UptimeSpan{
		Start: submitted, UpMS: 3_000_000, DownMS: 60_000, MaintainedMS: 120_000, OutageMS: 180_000, UnknownMS: 240_000, MeanMS: 25.5, MaxMS: 900,
		Times: &events.ResponseTimes{P50: 20.5, P95: 80, P99: 120.25},
	}
	return map[string]any{
		"target.v1.down.json": &events.TargetEvent{
			Target: "shop", Change: events.ChangeDown, Group: "web", Owner: "Ada Example", URL: "https://shop.example.com/", Cause: "status 503",
			Since: submitted, At: finished,
		},
		"target.v1.up.json":     &events.TargetEvent{Target: "shop", Change: events.ChangeUp, Since: finished, DurationMS: 1376, At: finished},
		"outage.v1.over.json":   &outage,
		"outage.v1.began.json":  &events.Outage{Since: submitted, Sites: 37, Failing: 36},
		"query.targets.v1.json": &events.TargetQuery{Name: "shop", Group: "web", Owner: "Ada Example", State: events.TargetDown, After: "a", Limit: 50},
		"query.targets.page.v1.json": &events.TargetPage{
			Targets: []events.TargetStatus{fullStatus(), least}, Outage: &outage, Next: "shop",
		},
		"query.target.v1.json": &events.TargetDetailQuery{Name: "shop"},
		"query.target.detail.v1.json": &events.TargetDetail{
			TargetStatus: fullStatus(), Days: []events.UptimeSpan{span}, Hours: []events.UptimeSpan{span}, Minutes: []events.UptimeSpan{{Start: submitted, UpMS: 60_000}},
			Incidents: []events.Incident{fullIncident()},
		},
		"query.incidents.v1.json": &events.IncidentQuery{Target: "shop", Open: "true", After: "cursor", Limit: 50},
		"query.incidents.page.v1.json": &events.IncidentPage{
			Incidents: []events.Incident{{Target: "db", Cause: "refused", Since: submitted, DurationMS: 1376}, fullIncident()},
			Outages:   []events.Outage{outage}, Next: "cursor",
		},
		"uptime.rm.v1.json": &events.TargetRemoval{Names: []string{"shop"}},
		"uptime.applied.v1.json": &events.Applied{
			Added: 1, Changed: 2, Removed: 3, Unchanged: 4, Kept: 5, Settings: true, DryRun: true,
			Changes: []events.AppliedChange{{Name: "db", Action: "added"}, {Name: "shop", Action: "changed", Fields: []string{"owner"}}},
		},
	}
}

// allRecords are all that there are.
func allRecords() map[string]any {
	all := records()
	maps.Copy(all, targetRecords())
	maps.Copy(all, windowRecords())
	return all
}
