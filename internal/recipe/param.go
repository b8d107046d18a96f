package recipe

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Type is the type of a parameter.
type Type string

// The types of parameters.
const (
	TypeString  Type = "string"
	TypeURL     Type = "url"     // absolute, http or https
	TypeInteger Type = "integer" // of 64 bits
	TypeNumber  Type = "number"  // within the range of a 64-bit float; digits are kept as sent
	TypeBoolean Type = "boolean"
	TypeObject  Type = "object"
	TypeAny     Type = "any"
)

func types() []Type {
	return []Type{TypeString, TypeURL, TypeInteger, TypeNumber, TypeBoolean, TypeObject, TypeAny}
}

// maxURLBytes bounds addresses; common servers refuse longer ones.
const maxURLBytes = 8192

// Param is one parameter of a recipe.
type Param struct {
	Name      string
	Type      Type
	Required  bool
	Default   json.RawMessage   // nil if there is none
	Min, Max  *float64          // of integers and numbers, inclusive
	MaxLength int               // of strings and URLs, in characters; 0 means no limit
	Enum      []json.RawMessage // nil if any value will do
	Help      string
	Example   json.RawMessage // nil if the recipe names none
}

// check returns a JSON value in the form in which it travels on, and as text for people.
func (p *Param) check(raw json.RawMessage) (json.RawMessage, string, error) {
	switch p.Type {
	case TypeString, TypeURL:
		if raw[0] != '"' {
			return nil, "", p.mismatch(raw)
		}
		text, err := unquote(raw)
		if err != nil {
			return nil, "", err
		}
		return p.checkText(text)
	case TypeInteger, TypeNumber:
		if raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
			return nil, "", p.mismatch(raw)
		}
		return p.checkNumber(string(raw))
	case TypeBoolean:
		if raw[0] != 't' && raw[0] != 'f' {
			return nil, "", p.mismatch(raw)
		}
	case TypeObject:
		if raw[0] != '{' {
			return nil, "", p.mismatch(raw)
		}
	}
	raw = compact(raw)
	if err := p.checkEnum(raw); err != nil {
		return nil, "", err
	}
	text := string(raw)
	if raw[0] == '"' {
		text, _ = unquote(raw)
	}
	return raw, text, nil
}

// fromText reads a plain text as a value of the parameter's type.
func (p *Param) fromText(s string) (json.RawMessage, string, error) {
	switch p.Type {
	case TypeString, TypeURL:
		return p.checkText(s)
	case TypeInteger, TypeNumber:
		return p.checkNumber(s)
	case TypeBoolean:
		if s != "true" && s != "false" {
			return nil, "", p.mismatch([]byte(s))
		}
		return p.check(json.RawMessage(s))
	default:
		raw := json.RawMessage(strings.TrimSpace(s))
		if len(raw) > 0 && json.Valid(raw) {
			return p.check(raw)
		}
		if p.Type == TypeObject {
			return nil, "", p.mismatch([]byte(s))
		}
		return p.check(appendQuoted(nil, s))
	}
}

func (p *Param) checkText(s string) (json.RawMessage, string, error) {
	s = strings.ToValidUTF8(s, "\ufffd")
	if p.MaxLength > 0 && len(s) > p.MaxLength {
		if n := utf8.RuneCountInString(s); n > p.MaxLength {
			return nil, "", fmt.Errorf("has %d characters: use at most %d", n, p.MaxLength)
		}
	}
	if p.Type == TypeURL {
		if err := checkURL(s); err != nil {
			return nil, "", err
		}
	}
	raw := appendQuoted(make([]byte, 0, len(s)+2), s)
	return raw, s, p.checkEnum(raw)
}

func checkURL(s string) error {
	if len(s) > maxURLBytes {
		return fmt.Errorf("has %d bytes: a URL may have at most %d", len(s), maxURLBytes)
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return fmt.Errorf("must be a URL such as https://example.com/, and %.100q is not", s)
	case (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "":
		return nil
	case u.Scheme == "http" || u.Scheme == "https":
		return fmt.Errorf("must be a URL such as https://example.com/, and %.100q names no host", s)
	case s != "" && !strings.Contains(s, "://") && !strings.ContainsAny(s, " \t\r\n"):
		return fmt.Errorf("must be a URL that starts with https:// or http://: did you mean %.100q?", "https://"+s)
	default:
		return fmt.Errorf("must be a URL that starts with https:// or http://, and %.100q does not", s)
	}
}

// checkNumber reads a number as JSON writes it. Integers such as 1e6 and 5.0 are written out.
func (p *Param) checkNumber(s string) (json.RawMessage, string, error) {
	raw := json.RawMessage(s)
	if s == "" || s[0] != '-' && (s[0] < '0' || s[0] > '9') || !json.Valid(raw) {
		return nil, "", p.mismatch(raw)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, "", fmt.Errorf("is out of range: %.60s", s)
	}
	if p.Type == TypeInteger {
		if raw, err = integer(s, f); err != nil {
			return nil, "", err
		}
	} else {
		raw = json.RawMessage(strings.TrimSpace(s))
	}
	switch {
	case p.Min != nil && f < *p.Min:
		return nil, "", fmt.Errorf("must be at least %s, not %.60s", float(*p.Min), s)
	case p.Max != nil && f > *p.Max:
		return nil, "", fmt.Errorf("must be at most %s, not %.60s", float(*p.Max), s)
	}
	return raw, string(raw), p.checkEnum(raw)
}

// integer writes an integer with digits only.
func integer(s string, f float64) (json.RawMessage, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return strconv.AppendInt(nil, n, 10), nil
	}
	const exact = 1 << 53 // up to here every integer is a float
	switch {
	case f != math.Trunc(f):
		return nil, fmt.Errorf("must be a whole number, not %.60s", s)
	case f < -exact || f > exact:
		return nil, fmt.Errorf("is out of range: %.60s", s)
	}
	return strconv.AppendInt(nil, int64(f), 10), nil
}

func (p *Param) checkEnum(raw json.RawMessage) error {
	if p.Enum == nil || slices.ContainsFunc(p.Enum, func(e json.RawMessage) bool { return string(e) == string(raw) }) {
		return nil
	}
	allowed := make([]string, len(p.Enum))
	for i, e := range p.Enum {
		allowed[i] = string(e)
	}
	return fmt.Errorf("must be one of %s, not %.60s", strings.Join(allowed, ", "), raw)
}

// mismatch says that a value is not of the parameter's type.
func (p *Param) mismatch(raw []byte) error {
	return fmt.Errorf("must be %s, not %.60s", p.Type.phrase(), raw)
}

func (t Type) phrase() string {
	switch t {
	case TypeString:
		return "text"
	case TypeURL:
		return "a URL such as https://example.com/"
	case TypeInteger:
		return "a whole number"
	case TypeNumber:
		return "a number"
	case TypeBoolean:
		return "true or false"
	case TypeObject:
		return "a JSON object"
	default:
		return "a JSON value"
	}
}

// unquote decodes a JSON string that is known to be valid.
func unquote(raw json.RawMessage) (string, error) {
	if inner := raw[1 : len(raw)-1]; isPlain(inner) {
		return string(inner), nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", fmt.Errorf("is not a JSON string: %w", err)
	}
	return s, nil
}

func float(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
