package events

import "time"

// Questions about targets, which the sink answers like those about results.
const (
	SubjectQueryTargets   = PrefixQuery + "targets"
	SubjectQueryTarget    = PrefixQuery + "target"
	SubjectQueryIncidents = PrefixQuery + "incidents"
)

// PrefixUptime begins the subjects of requests that change targets. They are a right of their own.
const PrefixUptime = "uptime."

// Requests that change targets.
const (
	// SubjectUptimeApply takes a document of targets, YAML or JSON, with the headers HeaderPrune and HeaderDryRun; it is answered with Applied.
	SubjectUptimeApply = PrefixUptime + "apply"
	// SubjectUptimeRemove takes a TargetRemoval and is answered with Applied.
	SubjectUptimeRemove = PrefixUptime + "rm"
)

// Headers of a request to SubjectUptimeApply.
const (
	HeaderPrune    = "prune"            // "true": remove the targets that the document does not have
	HeaderDryRun   = "dry-run"          // "true": say what would be done, and do nothing
	HeaderEncoding = "content-encoding" // "gzip", or absent
)

// TargetQuery selects targets, by name in alphabetical order; empty fields do not restrict.
type TargetQuery struct {
	Name  string      `json:"name,omitempty"`
	Group string      `json:"group,omitempty"`
	Owner string      `json:"owner,omitempty"`
	State TargetState `json:"state,omitempty"`
	After string      `json:"after,omitempty"` // Next of the page before
	Limit int         `json:"limit,omitempty"` // default 100, at most 1000
}

// TargetPage is one page of targets; Next is empty on the last one.
type TargetPage struct {
	Targets []TargetStatus `json:"targets"`
	Outage  *Outage        `json:"outage,omitempty"` // of our own, that lasts
	Next    string         `json:"next,omitempty"`
}

// TargetDetailQuery asks for all about one target.
type TargetDetailQuery struct {
	Name string `json:"name"`
}

// TargetDetail is all about one target.
type TargetDetail struct {
	TargetStatus
	Days      []UptimeSpan `json:"days"`      // by UTC days, the oldest first
	Hours     []UptimeSpan `json:"hours"`     // of the last 48 hours
	Minutes   []UptimeSpan `json:"minutes"`   // of the last 3 hours
	Incidents []Incident   `json:"incidents"` // the last 20, newest first
}

// UptimeSpan is what is known about a day, an hour or a minute. Spans in which nothing was looked at are left out.
type UptimeSpan struct {
	Start time.Time `json:"start"`
	// The parts of the span in milliseconds: each regular check stands for the interval that it was made at.
	UpMS         int64          `json:"up_ms,omitempty"`
	DownMS       int64          `json:"down_ms,omitempty"`
	MaintainedMS int64          `json:"maintained_ms,omitempty"`
	OutageMS     int64          `json:"outage_ms,omitempty"`  // of our own
	UnknownMS    int64          `json:"unknown_ms,omitempty"` // the check found out nothing
	MeanMS       float64        `json:"mean_ms,omitempty"`    // response time of successful checks
	MaxMS        float64        `json:"max_ms,omitempty"`
	Times        *ResponseTimes `json:"response_times,omitempty"` // not of minutes
}

// IncidentQuery selects incidents, newest first; empty fields do not restrict.
type IncidentQuery struct {
	Target string `json:"target,omitempty"`
	Open   string `json:"open,omitempty"` // "true": only those that last
	After  string `json:"after,omitempty"`
	Limit  int    `json:"limit,omitempty"` // default 100, at most 1000
}

// IncidentPage is one page of incidents; Next is empty on the last one.
type IncidentPage struct {
	Incidents []Incident `json:"incidents"`
	Outages   []Outage   `json:"outages,omitempty"` // the last 20 of our own, newest first; on the first page
	Next      string     `json:"next,omitempty"`
}

// TargetRemoval asks for targets not to be looked at any more.
type TargetRemoval struct {
	Names []string `json:"names"`
}

// Applied tells what was done to targets, or would be.
type Applied struct {
	Added     int `json:"added"`
	Changed   int `json:"changed"`
	Removed   int `json:"removed"`
	Unchanged int `json:"unchanged"`
	Kept      int `json:"kept,omitempty"` // not in the document, and left alone
	// Changes lists what is not unchanged, in alphabetical order; after the first 1,000 it ends.
	Changes  []AppliedChange `json:"changes,omitempty"`
	Settings bool            `json:"settings,omitempty"` // those that are for all targets have changed
	DryRun   bool            `json:"dry_run,omitempty"`
}

// AppliedChange is what was done to one target.
type AppliedChange struct {
	Name   string   `json:"name"`
	Action string   `json:"action"`           // added, changed or removed
	Fields []string `json:"fields,omitempty"` // that have changed
}
