package reduce

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
)

// maxKeyBytes bounds keys and the values of top. Longer texts are shortened, and told apart by a hash of the whole.
const maxKeyBytes = 200

// keyOf is the text of what a by expression yields; nothing is no key.
func keyOf(v any) (string, bool) {
	if s, ok := v.(string); ok {
		return shorten(s), true
	}
	data, ok := canonical(v)
	return shorten(strings.Trim(string(data), `"`)), ok
}

// KeyOf is the text of what an expression for a key yields, as reductions by key have it; false if it is no key.
func KeyOf(v any) (string, bool) { return keyOf(v) }

// canonical writes a value as JSON, equal ones equally: 1 and 1.0 are the same, 1 and "1" are not. nil, and what JSON cannot write, has none.
func canonical(v any) ([]byte, bool) {
	switch v := v.(type) {
	case nil:
		return nil, false
	case string:
		return quoted(v), true
	case bool:
		return strconv.AppendBool(nil, v), true
	case time.Duration:
		return quoted(v.String()), true
	case time.Time:
		return quoted(v.UTC().Format(time.RFC3339Nano)), true
	}
	if n, ok := numberOf(v); ok {
		return n.json(), true
	}
	data, err := json.Marshal(v) // objects in the order of their names
	return data, err == nil && string(data) != "null"
}

func quoted(s string) []byte {
	data, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`) // encoding/json encodes every string
	}
	return data
}

// hashOf is the hash by which distinct knows a value. It must never change: states in databases are made of it.
func hashOf(canonical []byte) uint64 { return xxhash.Sum64(canonical) }

// shorten bounds a text, makes it valid UTF-8 and takes out what ends names in rows.
func shorten(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
	if len(s) <= maxKeyBytes {
		return s
	}
	tail := fmt.Sprintf("…%016x", xxhash.Sum64String(s))
	cut := maxKeyBytes - len(tail)
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + tail
}

// canonicalShort is a value of top as JSON; a long text is shortened before.
func canonicalShort(v any) ([]byte, bool) {
	if s, ok := v.(string); ok {
		v = shorten(s)
	}
	data, ok := canonical(v)
	if len(data) > 2*maxKeyBytes { // a list or an object, or a text with many escapes
		return quoted(shorten(string(data))), ok
	}
	return data, ok
}

// rowEnd stands in the row of a value of top between the key and the value; no key has it.
const rowEnd = "\x00"

func joinRow(key string, value []byte) string { return key + rowEnd + string(value) }

func splitRow(row string) (key, value string) {
	key, value, _ = strings.Cut(row, rowEnd)
	return key, value
}
