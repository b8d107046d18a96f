package uptime

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fetchmill/fetchmill/internal/expression"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Verdict is what a check says about its target.
type Verdict int

// A check that was not done, through no fault of the target's, has found out nothing.
const (
	Nothing Verdict = iota
	Success
	Failure
)

// Check is a result as its target's history sees it.
type Check struct {
	At       Instant // when it was due
	Recheck  bool    // it was made between the regular ones
	Verdict  Verdict
	Cause    string        // why it has failed
	Elapsed  time.Duration // how long the answer took; 0 if there was none, or nobody measured it
	Expires  Instant       // when the certificate does; 0 if there is none
	Finished Instant       // when the result was made; never before At, and at most an interval after it
}

// maxCause bounds what is kept and told about a failure, in bytes.
const maxCause = 300

// noFinding are the reasons for which an item fails without anything having been found out about what it looks at.
var noFinding = []events.Reason{
	events.ReasonCancelled, events.ReasonDeadline, events.ReasonWorkerLost, events.ReasonInternal, events.ReasonUndecodable,
	events.ReasonUnknownOp, events.ReasonStorage, events.ReasonPanic,
}

// Judge makes a check of a result. ctx bounds the time that conditions take.
func (t *Target) Judge(ctx context.Context, id events.CheckID, r *events.Result) Check {
	c := Check{At: Instant(id.At), Recheck: id.Recheck}
	c.Finished = min(max(InstantOf(r.Finished), c.At), c.At+Instant(t.IntervalMS))
	if r.Status == events.StatusCancelled || slices.Contains(noFinding, r.Reason) {
		return c
	}
	if r.Fetch != nil {
		c.Elapsed = time.Duration(r.Fetch.ElapsedMS * float64(time.Millisecond)).Round(time.Microsecond)
		if r.Fetch.TLS != nil {
			c.Expires = InstantOf(r.Fetch.TLS.Expires)
		}
	}
	c.Verdict = Success
	if why := t.fault(ctx, r); why != "" {
		c.Verdict, c.Cause = Failure, shorten(why)
	}
	return c
}

// fault says why a result is not what it should be, and nothing if it is. Conditions are asked about an answer: without one, the
// check has failed whatever they say.
func (t *Target) fault(ctx context.Context, r *events.Result) string {
	if r.Status != events.StatusOK && (len(t.conditions) == 0 || r.Reason != events.ReasonHTTPStatus) {
		if r.Error != "" {
			return r.Error
		}
		return string(r.Reason)
	}
	if len(t.conditions) == 0 {
		return ""
	}
	record := expression.NewRecord(r)
	for i := range t.conditions {
		if why := t.conditions[i].fault(ctx, record); why != "" {
			return fmt.Sprintf("%s (%s)", why, seen(r))
		}
	}
	return ""
}

// seen says in short what an answer was like.
func seen(r *events.Result) string {
	if r.Fetch == nil {
		return "value " + string(r.Value)
	}
	took := fmt.Sprintf("%.0f ms", r.Fetch.ElapsedMS)
	if r.Fetch.Status == 0 {
		return took
	}
	return fmt.Sprintf("status %d, %s", r.Fetch.Status, took)
}

func shorten(s string) string {
	if len(s) <= maxCause {
		return s
	}
	const dots = "…"
	cut := maxCause - len(dots)
	for cut > 0 && s[cut]&0xC0 == 0x80 { // within a character
		cut--
	}
	return s[:cut] + dots
}
