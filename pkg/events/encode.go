package events

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// Items and results are encoded and decoded at every hop, and with reflection that was a fifth of the pipeline's time. What
// follows writes the same JSON as encoding/json does for these types, a field after the other. The tests hold the two together.

// Encode writes the item as JSON. Value must be JSON or empty, which is checked, because operations make it. So must be Params and the
// steps' arguments, which is not: they are checked where items are accepted and whenever they are decoded.
func (it *Item) Encode() ([]byte, error) {
	if err := validRaw(it.Value); err != nil {
		return nil, fmt.Errorf("item %s: %w", it.ID, err)
	}
	w := writer{buf: append(make([]byte, 0, 512+len(it.Params)+len(it.Value)+len(it.Body)*4/3), '{')}
	w.text("id", it.ID)
	w.text("recipe", it.Recipe)
	w.textUnlessEmpty("batch", it.Batch)
	w.intUnlessZero("index", it.Index)
	w.textUnlessEmpty("key", it.Key)
	w.text("lane", string(it.Lane))
	w.rawUnlessEmpty("params", it.Params)
	w.plan(it.Plan)
	w.rawUnlessEmpty("value", it.Value)
	if len(it.Body) > 0 {
		w.any("body", it.Body)
	}
	w.bodyRef("body_ref", it.BodyRef)
	w.fetch(it.Fetch)
	w.intUnlessZero("attempts", int64(it.Attempts))
	w.time("submitted", it.Submitted)
	if !it.Deadline.IsZero() {
		w.time("deadline", it.Deadline)
	}
	w.rawUnlessEmpty("reduce", it.Reduce)
	w.textUnlessEmpty("within", it.Within)
	if !it.Time.IsZero() {
		w.time("time", it.Time)
	}
	w.rawUnlessEmpty("window", it.Window)
	return w.end()
}

// Encode writes the result as JSON. Value must be JSON or empty.
func (r *Result) Encode() ([]byte, error) {
	if err := validRaw(r.Value); err != nil {
		return nil, fmt.Errorf("result %s: %w", r.ID, err)
	}
	w := writer{buf: append(make([]byte, 0, 384+len(r.Value)), '{')}
	w.text("id", r.ID)
	w.text("recipe", r.Recipe)
	w.textUnlessEmpty("batch", r.Batch)
	w.int("index", r.Index)
	w.text("key", r.Key)
	w.text("status", string(r.Status))
	w.textUnlessEmpty("reason", string(r.Reason))
	w.textUnlessEmpty("error", r.Error)
	w.int("attempts", int64(r.Attempts))
	w.rawUnlessEmpty("value", r.Value)
	w.fetch(r.Fetch)
	w.time("submitted", r.Submitted)
	w.time("finished", r.Finished)
	w.rawUnlessEmpty("reduce", r.Reduce)
	if !r.Time.IsZero() {
		w.time("time", r.Time)
	}
	w.rawUnlessEmpty("window", r.Window)
	return w.end()
}

func validRaw(v json.RawMessage) error {
	if len(v) > 0 && !json.Valid(v) {
		return fmt.Errorf("%w: the value is not JSON", ErrRecord)
	}
	return nil
}

// writer writes a JSON object; its last error is kept.
type writer struct {
	buf []byte
	err error
}

func (w *writer) name(name string) {
	if len(w.buf) > 0 && w.buf[len(w.buf)-1] != '{' {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '"', ':')
}

func (w *writer) end() ([]byte, error) {
	w.buf = append(w.buf, '}')
	return w.buf, w.err
}

func (w *writer) text(name, s string) {
	w.name(name)
	w.buf = appendText(w.buf, s)
}

func (w *writer) textUnlessEmpty(name, s string) {
	if s != "" {
		w.text(name, s)
	}
}

func (w *writer) int(name string, n int64) {
	w.name(name)
	w.buf = strconv.AppendInt(w.buf, n, 10)
}

func (w *writer) intUnlessZero(name string, n int64) {
	if n != 0 {
		w.int(name, n)
	}
}

func (w *writer) rawUnlessEmpty(name string, v json.RawMessage) {
	if len(v) > 0 {
		w.name(name)
		w.buf = append(w.buf, v...)
	}
}

func (w *writer) time(name string, t time.Time) {
	if y := t.Year(); y < 0 || y > 9999 {
		w.err = fmt.Errorf("%w: %s: the year %d cannot be written (RFC 3339)", ErrRecord, name, y)
	}
	w.name(name)
	w.buf = append(w.buf, '"')
	w.buf = t.AppendFormat(w.buf, time.RFC3339Nano)
	w.buf = append(w.buf, '"')
}

// any writes what is rare enough, or large enough, for reflection not to matter.
func (w *writer) any(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		w.err = fmt.Errorf("%w: %s: %w", ErrRecord, name, err)
		return
	}
	w.name(name)
	w.buf = append(w.buf, data...)
}

// object writes a field that is an object; its fields are written by what is called.
func (w *writer) object(name string, fields func()) {
	w.name(name)
	w.buf = append(w.buf, '{')
	fields()
	w.buf = append(w.buf, '}')
}

func (w *writer) plan(p Plan) {
	w.object("plan", func() {
		if p.Fetch != nil {
			w.object("fetch", func() { w.step(*p.Fetch) })
		}
		if len(p.Crunch) > 0 {
			w.name("crunch")
			for i, s := range p.Crunch {
				w.buf = append(w.buf, "[,"[min(i, 1)], '{')
				w.step(s)
				w.buf = append(w.buf, '}')
			}
			w.buf = append(w.buf, ']')
		}
		if p.Quiet {
			w.name("quiet")
			w.buf = append(w.buf, "true"...)
		}
	})
}

func (w *writer) step(s Step) {
	w.text("op", s.Op)
	w.rawUnlessEmpty("with", s.With)
	w.intUnlessZero("timeout_ms", s.TimeoutMS)
	w.intUnlessZero("attempts", int64(s.Attempts))
}

func (w *writer) fetch(f *FetchFacts) {
	if f == nil {
		return
	}
	w.object("fetch", func() {
		w.intUnlessZero("status", int64(f.Status))
		w.int("bytes", f.Bytes)
		w.textUnlessEmpty("content_type", f.ContentType)
		w.float("elapsed_ms", f.ElapsedMS)
		w.textUnlessEmpty("url", f.URL)
		w.textUnlessEmpty("proto", f.Proto)
		if p := f.Phases; p != nil {
			w.object("phases", func() {
				w.float("dns_ms", p.DNS)
				w.float("connect_ms", p.Connect)
				w.float("tls_ms", p.TLS)
				w.float("first_byte_ms", p.FirstByte)
				w.float("transfer_ms", p.Transfer)
			})
		}
		w.textUnlessEmpty("charset", f.Charset)
		if f.NotModified {
			w.name("not_modified")
			w.buf = append(w.buf, "true"...)
		}
		if t := f.TLS; t != nil {
			w.object("tls", func() {
				w.text("version", t.Version)
				w.text("cipher", t.Cipher)
				if !t.Expires.IsZero() {
					w.time("expires", t.Expires)
				}
			})
		}
		w.bodyRef("body", f.Body)
	})
}

func (w *writer) bodyRef(name string, b *BodyRef) {
	if b == nil {
		return
	}
	w.object(name, func() {
		w.text("object", b.Object)
		w.int("bytes", b.Bytes)
		w.text("sha256", b.SHA256)
	})
}

// float writes numbers of usual size; the others have an exponent, and NaN and infinities are errors.
func (w *writer) float(name string, f float64) {
	if size := math.Abs(f); size != 0 && !(size >= 1e-6 && size < 1e21) {
		w.any(name, f)
		return
	}
	w.name(name)
	w.buf = strconv.AppendFloat(w.buf, f, 'f', -1, 64)
}

// appendText writes a JSON string; anything unusual is left to encoding/json.
func appendText(buf []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			data, _ := json.Marshal(s) // a string can always be encoded
			return append(buf, data...)
		}
	}
	buf = append(buf, '"')
	buf = append(buf, s...)
	return append(buf, '"')
}
