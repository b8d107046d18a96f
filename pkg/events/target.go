package events

import (
	"encoding/json"
	"fmt"
	"time"
)

// Target is something that is looked at again and again, and whose owner is told when it does not answer as it should.
type Target struct {
	Name     string   `json:"name"`
	Group    string   `json:"group,omitempty"`
	Owner    string   `json:"owner,omitempty"`
	Channels []string `json:"channels,omitempty"` // on which the owner is told

	Recipe     string          `json:"recipe"`
	Params     json.RawMessage `json:"params,omitempty"`     // a JSON object
	Conditions []string        `json:"conditions,omitempty"` // all must hold; without any, the item must end ok

	IntervalMS int64 `json:"interval_ms"`          // between regular checks
	RecheckMS  int64 `json:"recheck_ms,omitempty"` // from a check that contradicts the state to the next; 0 is no such checks
	Failures   int   `json:"failures"`             // in a row, before it is down
	Successes  int   `json:"successes"`            // in a row, before it is up again
	RemindMS   int64 `json:"remind_ms,omitempty"`  // between reminders that it is still down; 0 is none

	CertificateDays int           `json:"certificate_days,omitempty"` // fewer left are told; 0 is never
	Maintenance     []Maintenance `json:"maintenance,omitempty"`
	Paused          bool          `json:"paused,omitempty"` // it is not looked at
}

// Interval is the time between regular checks.
func (t *Target) Interval() time.Duration { return time.Duration(t.IntervalMS) * time.Millisecond }

// URL is what is looked at, if it has a URL.
func (t *Target) URL() string {
	var p struct {
		URL string `json:"url"`
	}
	_ = json.Unmarshal(t.Params, &p) // what cannot be read has no URL
	return p.URL
}

// Maintenance is a time in which a target is expected to fail: from a certain time on, or again and again on certain days.
type Maintenance struct {
	From  time.Time `json:"from,omitzero"`  // once; At, Days, Dates and Zone are empty then
	At    string    `json:"at,omitempty"`   // again and again, HH:MM in the zone
	Days  []string  `json:"days,omitempty"` // mon, tue, …; none means all
	Dates []int     `json:"dates,omitempty"`
	Zone  string    `json:"zone,omitempty"` // of the IANA database; empty is UTC
	ForMS int64     `json:"for_ms"`
	Note  string    `json:"note,omitempty"`
}

// ValidTarget tells whether s can name a target: 1 to 128 of letters, digits, '-', '_' and single dots, starting with a letter or a
// digit and not ending with a dot.
func ValidTarget(s string) error {
	if ValidBatch(s) != nil {
		return fmt.Errorf("%w: target %.140q: use 1 to 128 of letters, digits, '-', '_' and single dots, starting with a letter or a digit", ErrName, s)
	}
	return nil
}

// TargetState is what is known about a target.
type TargetState string

// A target is new until the first check has been judged. One that is paused has no other state.
const (
	TargetNew    TargetState = "new"
	TargetUp     TargetState = "up"
	TargetDown   TargetState = "down"
	TargetPaused TargetState = "paused"
)

// Uptime is the share of the time that counts in which a target was up, from 0 to 1. What is in maintenance, in an outage of our own,
// or was not looked at does not count. A share is absent while nothing counts.
type Uptime struct {
	Day   *float64 `json:"24h,omitempty"`
	Week  *float64 `json:"7d,omitempty"`
	Month *float64 `json:"30d,omitempty"`
	Year  *float64 `json:"365d,omitempty"`
}

// ResponseTimes are quantiles over successful checks, in milliseconds and within 1 %; all are 0 if there were none.
type ResponseTimes struct {
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	P99 float64 `json:"p99_ms"`
}

// TargetStatus is a target and what is known about it.
type TargetStatus struct {
	Target
	State       TargetState   `json:"state"`
	Since       time.Time     `json:"since,omitzero"` // the state has lasted
	Flapping    bool          `json:"flapping,omitempty"`
	Maintained  bool          `json:"maintained,omitempty"` // it is in maintenance now
	Checked     time.Time     `json:"checked,omitzero"`     // when the last check that was judged was due
	Failing     bool          `json:"failing,omitempty"`    // that check has failed
	Cause       string        `json:"cause,omitempty"`      // why a check has failed, the last one that has
	ElapsedMS   float64       `json:"elapsed_ms,omitempty"` // of the last check that has not
	Certificate time.Time     `json:"certificate,omitzero"` // when it expires
	Uptime      Uptime        `json:"uptime"`
	Times       ResponseTimes `json:"response_times"` // of 24 hours
}

// Incident is a time in which a target was down: from the first check that failed to the first that succeeded again. Target and Since tell
// it from others.
type Incident struct {
	Target string    `json:"target"`
	Group  string    `json:"group,omitempty"`
	Cause  string    `json:"cause"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until,omitzero"` // absent while it lasts
	End    string    `json:"end,omitempty"`  // how it ended: up, paused or removed
	// DurationMS is how long it has lasted so far, or how long it did.
	DurationMS int64 `json:"duration_ms"`
}

// Outage is a time in which nearly nothing could be reached, so that the fault is on our side.
type Outage struct {
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until,omitzero"` // absent while it lasts
	Sites   int       `json:"sites"`          // that were looked at when it was found out
	Failing int       `json:"failing"`        // that did not answer then
}

// TargetChange is what has happened to a target.
type TargetChange string

// What happens to targets.
const (
	ChangeDown        TargetChange = "down"
	ChangeUp          TargetChange = "up"
	ChangeFlapping    TargetChange = "flapping" // it goes down and up too often to tell of each time
	ChangeCalm        TargetChange = "calm"     // it has stopped doing so
	ChangeCertificate TargetChange = "certificate"
	ChangePaused      TargetChange = "paused"  // while it was down: it is no longer looked at
	ChangeRemoved     TargetChange = "removed" // likewise
)

// TargetEvent is the data of event.target.<change>.
type TargetEvent struct {
	Target     string       `json:"target"`
	Change     TargetChange `json:"change"`
	Group      string       `json:"group,omitempty"`
	Owner      string       `json:"owner,omitempty"`
	URL        string       `json:"url,omitempty"`
	Cause      string       `json:"cause,omitempty"`
	Since      time.Time    `json:"since,omitzero"`        // when what has changed now began
	DurationMS int64        `json:"duration_ms,omitempty"` // with up, paused and removed: how long it was down
	At         time.Time    `json:"at"`                    // when the check was due by which it was found out
}

// CloudEvents types of what is told about targets.
const (
	TypeTarget = "fetchmill.target.v1" // a TargetEvent
	TypeOutage = "fetchmill.outage.v1" // an Outage
)

// Subjects of what is told about targets.
const (
	SubjectOutageBegan = PrefixEvent + "outage.began"
	SubjectOutageOver  = PrefixEvent + "outage.over"
)

// TargetSubject is where a change of targets is told.
func TargetSubject(c TargetChange) string { return PrefixEvent + "target." + string(c) }
