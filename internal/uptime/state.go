package uptime

import (
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// State is what is known about a target, changed by one check after the other. Its zero value is that of a target that has not been
// looked at. Databases keep it as JSON.
type State struct {
	Phase events.TargetState `json:"phase,omitempty"` // up or down; empty is new
	Since Instant            `json:"since,omitempty"` // the phase has lasted
	Last  Instant            `json:"last,omitempty"`  // when the last check that was judged was due

	// Failing tells how that check was, and Run how many in a row were so; Began is when the first of them was due. A failure that does
	// not count, in maintenance for example, begins no run.
	Failing bool    `json:"failing,omitempty"`
	Run     int     `json:"run,omitempty"`
	Began   Instant `json:"began,omitempty"`
	Excused bool    `json:"excused,omitempty"` // it failed in maintenance

	// Held is when it was first put off to call the target down, because it was not clear whether the fault is on our side.
	Held Instant `json:"held,omitempty"`
	// Open are checks that have failed, and of which is not clear yet what they count as.
	Open []OpenCheck `json:"open,omitempty"`

	// Bits are the outcomes of the last checks that count, 1 for a success and the latest in the lowest bit, and Len is how many they are.
	Bits     uint32 `json:"bits,omitempty"`
	Len      int    `json:"len,omitempty"`
	Flapping bool   `json:"flapping,omitempty"`

	// Told is what the owner was told last, empty for nothing or that all is well, and ToldAt when.
	Told   Told     `json:"told,omitempty"`
	ToldAt Instant  `json:"told_at,omitempty"`
	Down   LastDown `json:"down,omitzero"`

	Cause   string        `json:"cause,omitempty"`   // of the last failure
	Elapsed time.Duration `json:"elapsed,omitempty"` // of the last success

	Expires     Instant `json:"expires,omitempty"`      // the certificate
	ExpiresTold int     `json:"expires_told,omitempty"` // the last number of days that was told about it, plus 1; 0 for none

	// Recheck is when to look before the next regular check; 0 is not. Databases keep it beside the rest, to find those that are due.
	Recheck Instant `json:"-"`
}

// OpenCheck is a failure of which is not clear yet whether it is the target's or our own.
type OpenCheck struct {
	At     Instant       `json:"at"`
	Weight time.Duration `json:"weight"`
}

// LastDown is the last time, or the current one, in which the target was down.
type LastDown struct {
	Since Instant `json:"since,omitempty"`
	Until Instant `json:"until,omitempty"` // 0 while it lasts
	Cause string  `json:"cause,omitempty"`
}

// Told is what somebody was told about a target.
type Told string

// What owners are told, and then have to be told when it is no longer so.
const (
	ToldNothing  Told = ""
	ToldDown     Told = "down"
	ToldFlapping Told = "flapping"
)

// Evidence is what the last check of a target says about our own connection.
type Evidence int

// A target that is known to be down, or in maintenance, says nothing when it does not answer.
const (
	SaysNothing Evidence = iota
	Answers
	Fails
)

// Evidence is what the state says about our own connection, and since when. A success says it at its time. A failure says it from the
// first of its run on: what fails is looked at more often, and would outweigh what answers. In an outage of our own failures begin no run,
// but still say it, so that its end is found.
func (s *State) Evidence() (Evidence, Instant) {
	switch {
	case s.Last == 0:
		return SaysNothing, 0
	case !s.Failing:
		return Answers, s.Last
	case s.Phase == events.TargetDown || s.Excused:
		return SaysNothing, s.Last
	case s.Run > 0:
		return Fails, s.Began
	default:
		return Fails, s.Last
	}
}
