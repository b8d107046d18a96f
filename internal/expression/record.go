package expression

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/expr-lang/expr/types"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Record is a result as expressions see it. What is costly to make is made when an expression first asks for it, and kept for the
// next. It is not safe for concurrent use.
type Record struct {
	*events.Result
	value, fetch any
	made         bool // of value
}

// NewRecord makes a record of a result, which must not change as long as the record is used.
func NewRecord(r *events.Result) *Record { return &Record{Result: r} }

// Value is the result's value as expressions see it: integers are int if they have 64 bits at most, other numbers are float64.
// It is nil if there is none, and if it is no JSON, which the contract excludes.
func (r *Record) Value() any {
	if !r.made {
		r.made = true
		r.value, _ = decode(r.Result.Value)
	}
	return r.value
}

// Elapsed is how long the fetch took, and whether there was one.
func (r *Record) Elapsed() (time.Duration, bool) {
	if r.Fetch == nil {
		return 0, false
	}
	return time.Duration(r.Fetch.ElapsedMS * float64(time.Millisecond)), true
}

// facts are the facts of the fetch as their JSON has them; nil if nothing was fetched.
func (r *Record) facts() any {
	if r.fetch == nil && r.Fetch != nil {
		if data, err := json.Marshal(r.Fetch); err == nil {
			r.fetch, _ = decode(data)
		}
	}
	return r.fetch
}

// decode reads JSON.
func decode(data []byte) (any, error) {
	if len(data) == 0 {
		return nil, nil //nolint:nilnil // no value is a value
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return Numbers(v)
}

// Numbers makes the numbers of a JSON document, which was decoded with json.Decoder.UseNumber, what expressions compute with: an int if
// it is an integer of 64 bits, else a float64. It changes the document in place and refuses numbers beyond the range of float64.
func Numbers(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 0); err == nil {
			return int(n), nil
		}
		f, err := v.Float64()
		if err != nil {
			return nil, fmt.Errorf("the number %.40s is too large", v)
		}
		return f, nil
	case []any:
		for i := range v {
			if v[i], err = Numbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = Numbers(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// Result returns the variables of a result: its fields as its JSON has them, and some that are easier to compute with.
func Result() Vocabulary {
	v := Vocabulary{}.With(
		Variable{"id", types.String, "the item's id", func(r *Record) any { return r.ID }},
		Variable{"recipe", types.String, "the recipe", func(r *Record) any { return r.Recipe }},
		Variable{"batch", types.String, "the batch; empty if there is none", func(r *Record) any { return r.Batch }},
		Variable{"index", types.Int, "the place of the item in its batch, from 0", func(r *Record) any { return int(r.Index) }},
		Variable{"key", types.String, "the recipe's primary parameter as text", func(r *Record) any { return r.Key }},
		Variable{"status", types.String, `how the item ended: "ok", "failed" or "cancelled"`, outcome},
		Variable{"outcome", types.String, `the same: "ok", "failed" or "cancelled"`, outcome},
		Variable{"http_status", types.Int, "the status of the HTTP answer, such as 200; 0 if there was none", httpStatus},
		Variable{"reason", types.String, "why it is not ok, from the list of reasons; empty if it is", func(r *Record) any { return string(r.Reason) }},
		Variable{"error", types.String, "the same for people", func(r *Record) any { return r.Error }},
		Variable{"attempts", types.Int, "the most attempts that a stage needed", func(r *Record) any { return r.Attempts }},
		Variable{"value", types.Any, "what the steps have made; nil if nothing", func(r *Record) any { return r.Value() }},
		Variable{"fetch", factTypes(), "facts of the fetch, such as fetch.bytes; nil if nothing was fetched", func(r *Record) any { return r.facts() }},
		Variable{"elapsed", types.TypeOf(time.Duration(0)), "how long the fetch took, a duration; nil if nothing was fetched", elapsed},
		Variable{"submitted", types.TypeOf(time.Time{}), "when the item was accepted, a time", func(r *Record) any { return r.Submitted }},
		Variable{"finished", types.TypeOf(time.Time{}), "when its result was made, a time", func(r *Record) any { return r.Finished }},
	)
	v.unwanted = []string{"now"}
	v.hints = []hint{{"status", `here status is "ok", "failed" or "cancelled"; the status of the HTTP answer is http_status`}}
	return v
}

// Check returns the variables of a result as the answer of something that is watched: those of Result, but status is the status
// of the HTTP answer, as in status < 400. How the item ended is outcome.
func Check() Vocabulary {
	v := Result().With(Variable{"status", types.Int, "the status of the HTTP answer, such as 200; 0 if there was none", httpStatus})
	v.hints = []hint{{"status", `here status is the status of the HTTP answer, such as 200; how the item ended is outcome`}}
	return v
}

func outcome(r *Record) any { return string(r.Status) }

func httpStatus(r *Record) any {
	if r.Fetch == nil {
		return 0
	}
	return r.Fetch.Status
}

func elapsed(r *Record) any {
	if d, ok := r.Elapsed(); ok {
		return d
	}
	return nil
}

// factTypes names the fields of events.FetchFacts. Most of them are absent when they are zero, so their types are open.
func factTypes() types.Type {
	m := types.Map{}
	for _, name := range []string{
		"status", "bytes", "content_type", "elapsed_ms", "url", "proto", "phases", "charset", "not_modified", "tls", "body",
	} {
		m[name] = types.Any
	}
	return m
}
