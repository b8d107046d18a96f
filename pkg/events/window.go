package events

import "time"

// SubjectWindowClosed is where windows of time are told when they have closed: the data is a Window.
const SubjectWindowClosed = PrefixEvent + "window.closed"

// Questions about windows of time, which the sink answers like those about results.
const (
	SubjectQueryWindows = PrefixQuery + "windows"
	SubjectQueryWindow  = PrefixQuery + "window"
)

// WindowKind is how windows divide time.
type WindowKind string

// The kinds of windows.
const (
	WindowTumbling WindowKind = "tumbling" // one after the other, all of one length
	WindowSliding  WindowKind = "sliding"  // of one length, but one begins before the one before it has ended
	WindowSession  WindowKind = "session"  // as long as something comes again and again
)

// WindowState is whether a window takes results in.
type WindowState string

// A window is open until nothing more is expected for it.
const (
	WindowOpen   WindowState = "open"
	WindowClosed WindowState = "closed"
)

// Window is a window of time with what the results in it come down to, and the data of event.window.closed. Which windows there are, and
// which result is in which, goes by the times at which things happened, not by those at which they came.
type Window struct {
	ID        string      `json:"id"`
	Recipe    string      `json:"recipe"`
	Kind      WindowKind  `json:"kind"`
	Key       string      `json:"key,omitempty"` // what the recipe has windows by; empty if it has one for all
	Start     time.Time   `json:"start"`
	End       time.Time   `json:"end"` // the first moment that is not in it; of an open session as far as is known
	State     WindowState `json:"state"`
	Closed    time.Time   `json:"closed,omitzero"` // when the sink has closed it
	OK        int64       `json:"ok"`              // results in it by how their items have ended
	Failed    int64       `json:"failed"`
	Cancelled int64       `json:"cancelled"`
	Late      int64       `json:"late,omitempty"` // results that came after it had closed, and are not in it; 0 when it is told
	// Reduced has the answers of the recipe's reductions. In lists it is absent.
	Reduced []Reduced `json:"reduced,omitempty"`
}

// Count is how many results are in the window.
func (w *Window) Count() int64 { return w.OK + w.Failed + w.Cancelled }

// WindowStream is how far the windows of a recipe are. Those of a recipe that was changed are apart from those that it had before.
type WindowStream struct {
	Recipe     string     `json:"recipe"`
	Kind       WindowKind `json:"kind"`
	SizeMS     int64      `json:"size_ms,omitempty"`  // of tumbling and sliding windows
	SlideMS    int64      `json:"slide_ms,omitempty"` // from the beginning of a sliding window to that of the next
	GapMS      int64      `json:"gap_ms,omitempty"`   // the pause that ends a session
	LatenessMS int64      `json:"lateness_ms"`        // how much older than the newest a result may be
	IdleMS     int64      `json:"idle_ms"`            // after which silence a source is not waited for any more
	By         string     `json:"by,omitempty"`       // an expression
	Time       string     `json:"time,omitempty"`     // an expression
	Source     string     `json:"source,omitempty"`   // an expression
	// Watermark is the time up to which everything is taken to have come: what ends before is closed.
	Watermark time.Time `json:"watermark,omitzero"`
	Sources   int       `json:"sources"` // that are waited for
	Counted   int64     `json:"counted"` // results that are in a window
	Late      int64     `json:"late"`    // results that came too late for a window
	Skipped   int64     `json:"skipped"` // results that tell no time, or no key
}

// WindowQuery selects windows, those that end last first; empty fields do not restrict.
type WindowQuery struct {
	Recipe string      `json:"recipe,omitempty"`
	Key    string      `json:"key,omitempty"`   // needs Recipe
	State  WindowState `json:"state,omitempty"` // closed unless it is said
	After  string      `json:"after,omitempty"` // Next of the page before
	Limit  int         `json:"limit,omitempty"` // default 100, at most 1000
}

// WindowPage is one page of windows; Next is empty on the last one.
type WindowPage struct {
	Windows []Window       `json:"windows"`
	Streams []WindowStream `json:"streams,omitempty"` // on the first page: how far windows are, at most 100, by recipe and the newest first
	Next    string         `json:"next,omitempty"`
}

// WindowDetailQuery asks for all about one window.
type WindowDetailQuery struct {
	ID string `json:"id"`
}

// WindowDetail is all about one window.
type WindowDetail struct {
	Window
	Stream WindowStream `json:"stream"`
}
