package cli

import (
	"strconv"
	"time"

	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// ResultColumns are the columns of results.
func ResultColumns() []Column[events.Result] {
	fetch := func(text func(*events.FetchFacts) string) func(events.Result) string {
		return func(r events.Result) string {
			if r.Fetch == nil {
				return ""
			}
			return text(r.Fetch)
		}
	}
	return []Column[events.Result]{
		{Name: "id", Text: func(r events.Result) string { return r.ID }, Wide: true},
		{Name: "recipe", Text: func(r events.Result) string { return r.Recipe }},
		{Name: "batch", Text: func(r events.Result) string { return r.Batch }, Wide: true},
		{Name: "index", Text: func(r events.Result) string { return integer(r.Index) }},
		{Name: "key", Text: func(r events.Result) string { return r.Key }},
		{Name: "status", Text: func(r events.Result) string { return string(r.Status) }},
		{Name: "reason", Text: func(r events.Result) string { return string(r.Reason) }},
		{Name: "error", Text: func(r events.Result) string { return r.Error }, Wide: true},
		{Name: "attempts", Text: func(r events.Result) string { return strconv.Itoa(r.Attempts) }},
		{Name: "http_status", Text: fetch(func(f *events.FetchFacts) string { return orEmpty(f.Status) })},
		{Name: "bytes", Text: fetch(func(f *events.FetchFacts) string { return integer(f.Bytes) }), Wide: true},
		{Name: "elapsed_ms", Text: fetch(func(f *events.FetchFacts) string { return strconv.FormatFloat(f.ElapsedMS, 'f', 1, 64) })},
		{Name: "value", Text: func(r events.Result) string { return string(r.Value) }},
		{Name: "submitted", Text: func(r events.Result) string { return events.FormatTime(r.Submitted) }, Wide: true},
		{Name: "finished", Text: func(r events.Result) string { return events.FormatTime(r.Finished) }, Wide: true},
	}
}

// CountColumns are the columns of counts by outcome.
func CountColumns() []Column[events.Count] {
	return []Column[events.Count]{
		{Name: "recipe", Text: func(c events.Count) string { return c.Recipe }},
		{Name: "status", Text: func(c events.Count) string { return string(c.Status) }},
		{Name: "reason", Text: func(c events.Count) string { return string(c.Reason) }},
		{Name: "count", Text: func(c events.Count) string { return integer(c.Count) }},
	}
}

// BatchColumns are the columns of batches.
func BatchColumns() []Column[events.Batch] {
	return []Column[events.Batch]{
		{Name: "batch", Text: func(b events.Batch) string { return b.Batch }},
		{Name: "recipe", Text: func(b events.Batch) string { return b.Recipe }},
		{Name: "state", Text: func(b events.Batch) string { return string(b.State) }},
		{Name: "total", Text: func(b events.Batch) string {
			if b.Total < 0 {
				return "?"
			}
			return integer(b.Total)
		}},
		{Name: "ok", Text: func(b events.Batch) string { return integer(b.OK) }},
		{Name: "failed", Text: func(b events.Batch) string { return integer(b.Failed) }},
		{Name: "cancelled", Text: func(b events.Batch) string { return integer(b.Cancelled) }},
		{Name: "created", Text: func(b events.Batch) string { return seconds(b.Created) }},
		{Name: "finished", Text: func(b events.Batch) string { return seconds(b.Finished) }},
	}
}

// DeadColumns are the columns of dead letters.
func DeadColumns() []Column[client.DeadLetter] {
	return []Column[client.DeadLetter]{
		{Name: "seq", Text: func(d client.DeadLetter) string { return strconv.FormatUint(d.Seq, 10) }},
		{Name: "time", Text: func(d client.DeadLetter) string { return seconds(d.Time) }},
		{Name: "stage", Text: func(d client.DeadLetter) string { return string(d.Stage) }},
		{Name: "recipe", Text: func(d client.DeadLetter) string { return d.Recipe }},
		{Name: "reason", Text: func(d client.DeadLetter) string { return string(d.Reason) }},
		{Name: "key", Text: func(d client.DeadLetter) string { return d.Key }},
		{Name: "item", Text: func(d client.DeadLetter) string { return d.Item }, Wide: true},
		{Name: "bytes", Text: func(d client.DeadLetter) string { return strconv.Itoa(d.Bytes) }},
		{Name: "error", Text: func(d client.DeadLetter) string { return d.Error }},
	}
}

// ModuleColumns are the columns of modules of WebAssembly.
func ModuleColumns() []Column[client.Module] {
	return []Column[client.Module]{
		{Name: "name", Text: func(m client.Module) string { return m.Name }},
		{Name: "module", Text: func(m client.Module) string { return "sha256:" + m.SHA256 }},
		{Name: "bytes", Text: func(m client.Module) string { return integer(m.Bytes) }},
		{Name: "modified", Text: func(m client.Module) string { return seconds(m.Modified) }},
	}
}

func integer(n int64) string { return strconv.FormatInt(n, 10) }

func orEmpty(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func seconds(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
