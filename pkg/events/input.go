package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Input is what a user sent, read but not yet checked against a recipe.
type Input struct {
	Key         string          // idempotency key; empty if the user gave none
	Batch       string          // empty if the item belongs to no batch
	Index       int64           // position in the batch
	Lane        Lane            // LaneNormal if the user gave none
	Deadline    time.Time       // zero if the user gave none
	TraceParent string          // W3C Trace Context
	TraceState  string          //
	Params      json.RawMessage // a JSON object, or nil if the user sent Text
	Text        string          // plain text: the recipe's primary parameter
	Reduce      []string        // what the batch's results are reduced to, as the user wrote it
	Time        time.Time       // when it happened; zero if the user has not said
}

// ParseInput reads a message from outside: a plain-text body, a JSON object of parameters, or a CloudEvent in structured or
// binary mode (CloudEvents 1.0.2, NATS protocol binding). Header names are compared without regard to case, and of a repeated
// header the first value counts. at is when the message was stored; a relative deadline counts from it. Errors wrap ErrInput;
// with an error the Input has what could be read nevertheless, so that a bad item of a batch can still count as one.
func ParseInput(header map[string][]string, body []byte, at time.Time) (Input, error) {
	h := lower(header)
	in := Input{
		Key: h["nats-msg-id"], Batch: h[HeaderBatch],
		TraceParent: h[HeaderTraceParent], TraceState: h[HeaderTraceState],
	}
	in.Reduce = all(header, HeaderReduce)
	attrs := attributes{lane: h[HeaderLane], deadline: h[HeaderDeadline], index: h[HeaderIndex], time: h[HeaderTime]}

	body, err := in.readEvent(h, bytes.TrimPrefix(body, bom), &attrs)
	if faults := attrs.apply(&in, at); err == nil {
		err = faults
	}
	in.TraceParent, in.TraceState = TraceContext(in.TraceParent, in.TraceState)
	if err == nil {
		err = in.readBody(body)
	}
	return in, err
}

// bom is the byte order mark that some editors put before UTF-8.
var bom = []byte("\xef\xbb\xbf")

// readBody tells plain text from JSON.
func (in *Input) readBody(body []byte) error {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, bom))
	if !utf8.Valid(body) {
		return inputError("the body is not UTF-8 text: send plain text, a JSON object or a CloudEvent")
	}
	if len(body) == 0 {
		return nil
	}
	switch body[0] {
	case '{':
		if err := json.Unmarshal(body, new(map[string]json.RawMessage)); err != nil {
			return inputError("the body starts like a JSON object but is not one: %v", err)
		}
		if depth(body) > maxDepth {
			return inputError("the body is nested too deeply: use at most %d levels", maxDepth)
		}
		in.Params = json.RawMessage(body)
	case '[':
		if json.Valid(body) {
			return inputError("a JSON array is not accepted: send one message per item")
		}
		in.Text = string(body)
	case '"':
		if json.Unmarshal(body, &in.Text) == nil {
			return nil
		}
		in.Text = string(body)
	default:
		in.Text = string(body)
	}
	return nil
}

// attributes are the optional headers that need parsing.
type attributes struct{ lane, deadline, index, time string }

// apply reads all attributes into the input, leaves out those that are wrong, and returns what is wrong with the first of them.
func (a attributes) apply(in *Input, at time.Time) error {
	var faults []error
	lane, err := ParseLane(a.lane)
	if err != nil {
		lane = LaneNormal
		faults = append(faults, inputError("%v", err))
	}
	in.Lane = lane
	if in.Batch != "" {
		if err := ValidBatch(in.Batch); err != nil {
			in.Batch = ""
			faults = append(faults, inputError("%v", err))
		}
	}
	if a.index != "" {
		index, err := strconv.ParseInt(a.index, 10, 64)
		if err != nil || index < 0 {
			index = 0
			faults = append(faults, inputError("index %.40q is not a whole number from 0", a.index))
		}
		in.Index = index
	}
	if a.deadline != "" {
		if in.Deadline, err = parseDeadline(a.deadline, at); err != nil {
			faults = append(faults, err)
		}
	}
	if a.time != "" {
		if in.Time, err = parseTime(a.time); err != nil {
			faults = append(faults, err)
		}
	}
	if len(in.Key) > maxKeyBytes {
		faults = append(faults, inputError("the message id has %d bytes: use at most %d", len(in.Key), maxKeyBytes))
	}
	if len(faults) == 0 {
		return nil
	}
	return faults[0]
}

// maxKeyBytes bounds idempotency keys; only their hash is kept.
const maxKeyBytes = 4096

func parseDeadline(s string, at time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil {
		if d <= 0 {
			return time.Time{}, inputError("deadline %.40q is not in the future", s)
		}
		return at.Add(d).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	// A time zone can push a time out of the years that RFC 3339, and so JSON, can write.
	if t = t.UTC(); err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, inputError("deadline %.40q is neither a time (RFC 3339, such as 2026-01-31T15:04:05Z) nor a duration (such as 30s)", s)
	}
	return t, nil
}

// parseTime reads when something happened.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if t = t.UTC(); err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, inputError("time %.40q is not a time as RFC 3339 writes it, such as 2026-01-31T15:04:05Z", s)
	}
	return t, nil
}

// lower keeps the first value of each header. Of spellings that differ only in case the one that sorts first counts, so that a
// redelivery is read like the first delivery.
func lower(header map[string][]string) map[string]string {
	h := make(map[string]string, len(header))
	for _, name := range slices.Sorted(maps.Keys(header)) {
		k, v := strings.ToLower(name), header[name]
		if _, seen := h[k]; !seen && len(v) > 0 {
			h[k] = strings.TrimSpace(v[0])
		}
	}
	return h
}

// all returns the values of a header that may be repeated, whatever its spelling.
func all(header map[string][]string, wanted string) (values []string) {
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if !strings.EqualFold(name, wanted) {
			continue
		}
		for _, v := range header[name] {
			if v = strings.TrimSpace(v); v != "" {
				values = append(values, v)
			}
		}
	}
	return values
}

// maxDepth bounds how deeply parameters are nested. encoding/json reads 10,000 levels: parameters just below that could be
// read here, but not as a part of an item.
const maxDepth = 100

// depth counts the levels of a valid JSON text.
func depth(text []byte) int {
	deepest, level, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

func inputError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInput, fmt.Sprintf(format, args...))
}
