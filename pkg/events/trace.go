package events

import (
	"regexp"
	"strings"
)

// traceParent is the form of W3C Trace Context, section 3.2.2, in any version that keeps to it.
var traceParent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// maxTraceState is what must be passed on at least (W3C Trace Context, section 3.3.1.5).
const maxTraceState = 512

// checkTrace drops trace headers that are not what they should be: a trace then starts here, as the recommendation has it.
func (in *Input) checkTrace() {
	if !traceParent.MatchString(in.TraceParent) {
		in.TraceParent, in.TraceState = "", ""
	}
	notPrintable := func(r rune) bool { return r < ' ' || r > '~' }
	if len(in.TraceState) > maxTraceState || strings.ContainsFunc(in.TraceState, notPrintable) {
		in.TraceState = ""
	}
}
