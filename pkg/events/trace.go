package events

import (
	"regexp"
	"strings"
)

// traceParent is the form of W3C Trace Context, section 3.2.2, in any version that keeps to it.
var traceParent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// maxTraceState is what must be passed on at least (W3C Trace Context, section 3.3.1.5).
const maxTraceState = 512

// TraceContext returns what of a trace context can be passed on: what is not well-formed is dropped, and a trace then starts
// here, as the recommendation has it. Without a parent there is no state.
func TraceContext(parent, state string) (validParent, validState string) {
	if !traceParent.MatchString(parent) {
		return "", ""
	}
	notPrintable := func(r rune) bool { return r < ' ' || r > '~' }
	if len(state) > maxTraceState || strings.ContainsFunc(state, notPrintable) {
		state = ""
	}
	return parent, state
}
