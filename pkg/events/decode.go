package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// fields calls set with the name and the raw value of each field of a JSON object, which must be valid JSON.
func fields(data []byte, set func(name, raw []byte) error) error {
	i := space(data, 0)
	if i >= len(data) || data[i] != '{' {
		return fmt.Errorf("%w: not a JSON object", ErrRecord)
	}
	i = space(data, i+1)
	for data[i] != '}' {
		if data[i] == ',' {
			i = space(data, i+1)
		}
		end := skip(data, i)
		name, err := unquoted(data[i:end])
		if err != nil {
			return err
		}
		i = space(data, end) // the colon
		i = space(data, i+1) // the value
		end = skip(data, i)  //
		if err := set(name, data[i:end]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		i = space(data, end)
	}
	return nil
}

func space(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r') {
		i++
	}
	return i
}

// skip returns where the value that begins at i ends. data must be valid JSON.
func skip(data []byte, i int) int {
	depth := 0
	for ; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth == 0 { // of what surrounds a number or a word
				return i
			}
			depth--
		case ',', ':', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return i
			}
			continue
		default:
			if depth == 0 && (i+1 == len(data) || strings.IndexByte(",:]} \n\t\r", data[i+1]) >= 0) {
				return i + 1
			}
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}

var null = []byte("null")

// text reads a JSON string; null is the empty string, as in encoding/json.
func text(raw []byte) (string, error) {
	b, err := unquoted(raw)
	return string(b), err
}

// unquoted is text without a copy, where nothing is escaped.
func unquoted(raw []byte) ([]byte, error) {
	if len(raw) >= 2 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 && isASCII(raw) {
		return raw[1 : len(raw)-1], nil
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return []byte(s), err
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

func setText[S ~string](to *S, raw []byte) error {
	s, err := text(raw)
	*to = S(s)
	return err
}

func setInt[I int | int64](to *I, raw []byte) error {
	if bytes.Equal(raw, null) {
		return nil
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	*to = I(n)
	return err
}

func setFloat(to *float64, raw []byte) error {
	if bytes.Equal(raw, null) {
		return nil
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	*to = f
	return err
}

func setBool(to *bool, raw []byte) error { return json.Unmarshal(raw, to) }

func setTime(to *time.Time, raw []byte) error {
	if bytes.Equal(raw, null) {
		return nil
	}
	s, err := text(raw)
	if err != nil {
		return err
	}
	*to, err = time.Parse(time.RFC3339, s)
	return err
}

// setRaw keeps the bytes as they are; they are part of the message's data, which nobody changes.
func setRaw(to *json.RawMessage, raw []byte) error {
	if !bytes.Equal(raw, null) {
		*to = raw[:len(raw):len(raw)]
	}
	return nil
}

// setAny leaves to encoding/json what is rare or large.
func setAny(to any, raw []byte) error { return json.Unmarshal(raw, to) }

func (it *Item) set(name, raw []byte) error {
	switch string(name) {
	case "id":
		return setText(&it.ID, raw)
	case "recipe":
		return setText(&it.Recipe, raw)
	case "batch":
		return setText(&it.Batch, raw)
	case "within":
		return setText(&it.Within, raw)
	case "index":
		return setInt(&it.Index, raw)
	case "key":
		return setText(&it.Key, raw)
	case "lane":
		return setText(&it.Lane, raw)
	case "params":
		return setRaw(&it.Params, raw)
	case "plan":
		return it.Plan.decode(raw)
	case "value":
		return setRaw(&it.Value, raw)
	case "body":
		return setAny(&it.Body, raw)
	case "body_ref":
		return setBodyRef(&it.BodyRef, raw)
	case "fetch":
		return setFetch(&it.Fetch, raw)
	case "attempts":
		return setInt(&it.Attempts, raw)
	case "submitted":
		return setTime(&it.Submitted, raw)
	case "deadline":
		return setTime(&it.Deadline, raw)
	case "reduce":
		return setRaw(&it.Reduce, raw)
	case "time":
		return setTime(&it.Time, raw)
	case "window":
		return setRaw(&it.Window, raw)
	default: // from a later version
		return nil
	}
}

func (r *Result) set(name, raw []byte) error {
	switch string(name) {
	case "id":
		return setText(&r.ID, raw)
	case "recipe":
		return setText(&r.Recipe, raw)
	case "batch":
		return setText(&r.Batch, raw)
	case "index":
		return setInt(&r.Index, raw)
	case "key":
		return setText(&r.Key, raw)
	case "status":
		return setText(&r.Status, raw)
	case "reason":
		return setText(&r.Reason, raw)
	case "error":
		return setText(&r.Error, raw)
	case "attempts":
		return setInt(&r.Attempts, raw)
	case "value":
		return setRaw(&r.Value, raw)
	case "fetch":
		return setFetch(&r.Fetch, raw)
	case "submitted":
		return setTime(&r.Submitted, raw)
	case "finished":
		return setTime(&r.Finished, raw)
	case "reduce":
		return setRaw(&r.Reduce, raw)
	case "time":
		return setTime(&r.Time, raw)
	case "window":
		return setRaw(&r.Window, raw)
	default: // from a later version
		return nil
	}
}

func setFetch(to **FetchFacts, raw []byte) error {
	if bytes.Equal(raw, null) {
		return nil
	}
	f := new(FetchFacts)
	*to = f
	return fields(raw, func(name, raw []byte) error {
		switch string(name) {
		case "status":
			return setInt(&f.Status, raw)
		case "bytes":
			return setInt(&f.Bytes, raw)
		case "content_type":
			return setText(&f.ContentType, raw)
		case "elapsed_ms":
			return setFloat(&f.ElapsedMS, raw)
		case "url":
			return setText(&f.URL, raw)
		case "proto":
			return setText(&f.Proto, raw)
		case "phases":
			return setPhases(&f.Phases, raw)
		case "charset":
			return setText(&f.Charset, raw)
		case "not_modified":
			return setBool(&f.NotModified, raw)
		case "tls":
			return setTLS(&f.TLS, raw)
		case "body":
			return setBodyRef(&f.Body, raw)
		default:
			return nil
		}
	})
}

func setTLS(to **TLSFacts, raw []byte) error {
	if bytes.Equal(raw, null) {
		return nil
	}
	t := new(TLSFacts)
	*to = t
	return fields(raw, func(name, raw []byte) error {
		switch string(name) {
		case "version":
			return setText(&t.Version, raw)
		case "cipher":
			return setText(&t.Cipher, raw)
		case "expires":
			return setTime(&t.Expires, raw)
		default:
			return nil
		}
	})
}

func setBodyRef(to **BodyRef, raw []byte) error {
	if bytes.Equal(raw, null) {
		return nil
	}
	b := new(BodyRef)
	*to = b
	return fields(raw, func(name, raw []byte) error {
		switch string(name) {
		case "object":
			return setText(&b.Object, raw)
		case "bytes":
			return setInt(&b.Bytes, raw)
		case "sha256":
			return setText(&b.SHA256, raw)
		default:
			return nil
		}
	})
}

func setPhases(to **Phases, raw []byte) error {
	if bytes.Equal(raw, null) {
		return nil
	}
	p := new(Phases)
	*to = p
	return fields(raw, func(name, raw []byte) error {
		switch string(name) {
		case "dns_ms":
			return setFloat(&p.DNS, raw)
		case "connect_ms":
			return setFloat(&p.Connect, raw)
		case "tls_ms":
			return setFloat(&p.TLS, raw)
		case "first_byte_ms":
			return setFloat(&p.FirstByte, raw)
		case "transfer_ms":
			return setFloat(&p.Transfer, raw)
		default:
			return nil
		}
	})
}

func (p *Plan) decode(raw []byte) error {
	if bytes.Equal(raw, null) {
		return nil
	}
	return fields(raw, func(name, raw []byte) error {
		switch string(name) {
		case "fetch":
			if bytes.Equal(raw, null) {
				return nil
			}
			p.Fetch = new(Step)
			return p.Fetch.decode(raw)
		case "crunch":
			return p.decodeCrunch(raw)
		case "quiet":
			return setBool(&p.Quiet, raw)
		default:
			return nil
		}
	})
}

func (p *Plan) decodeCrunch(raw []byte) error {
	if bytes.Equal(raw, null) {
		return nil
	}
	if raw[0] != '[' {
		return fmt.Errorf("%w: not a JSON array", ErrRecord)
	}
	i := space(raw, 1)
	for raw[i] != ']' {
		if raw[i] == ',' {
			i = space(raw, i+1)
		}
		end := skip(raw, i)
		var s Step
		if err := s.decode(raw[i:end]); err != nil {
			return err
		}
		p.Crunch = append(p.Crunch, s)
		i = space(raw, end)
	}
	return nil
}

func (s *Step) decode(raw []byte) error {
	return fields(raw, func(name, raw []byte) error {
		switch string(name) {
		case "op":
			return setText(&s.Op, raw)
		case "with":
			return setRaw(&s.With, raw)
		case "timeout_ms":
			return setInt(&s.TimeoutMS, raw)
		case "attempts":
			return setInt(&s.Attempts, raw)
		default:
			return nil
		}
	})
}
