package queries

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// kind is how a value is written in JSON.
type kind int

const (
	kindAuto      kind = iota // by the value's own type
	kindNumber                // a text that is a number, with all its digits
	kindFloat32               // a float that was a short one
	kindBytes                 // base64
	kindBits                  // a whole number
	kindJSON                  // as it is
	kindDate                  // 2026-01-31
	kindTimestamp             // RFC 3339 in UTC
)

// appendValue writes a value that a driver has yielded. What JSON has no number for (NaN, Infinity) becomes text.
func appendValue(dst []byte, k kind, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case uint64:
		return strconv.AppendUint(dst, v, 10)
	case float32:
		return appendFloat(dst, float64(v), 32)
	case float64:
		if k == kindFloat32 {
			return appendFloat(dst, v, 32)
		}
		return appendFloat(dst, v, 64)
	case time.Time:
		if k == kindDate {
			return appendText(dst, v.Format(time.DateOnly))
		}
		return appendText(dst, v.UTC().Format(time.RFC3339Nano))
	case string:
		return appendString(dst, k, v)
	case []byte:
		return appendBytes(dst, k, v)
	default:
		return appendText(dst, fmt.Sprint(v))
	}
}

func appendBytes(dst []byte, k kind, v []byte) []byte {
	switch {
	case k == kindBits && len(v) <= 8:
		var n uint64
		for _, b := range v {
			n = n<<8 | uint64(b)
		}
		return strconv.AppendUint(dst, n, 10)
	case k == kindBytes, k == kindBits:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v)
		return append(dst, '"')
	}
	return appendString(dst, k, string(v))
}

func appendString(dst []byte, k kind, v string) []byte {
	switch k {
	case kindNumber:
		if isNumber(v) {
			return append(dst, v...)
		}
	case kindJSON:
		if b, err := json.Marshal(json.RawMessage(v)); err == nil {
			return append(dst, b...)
		}
	case kindDate, kindTimestamp:
		if strings.HasPrefix(v, "0000-00-00") { // what MySQL may store for an unknown day
			return append(dst, "null"...)
		}
		if day, clock, ok := strings.Cut(v, " "); ok && k == kindTimestamp {
			v = day + "T" + clock + "Z"
		}
	}
	return appendText(dst, v)
}

// isNumber tells whether s is a number as JSON writes it.
func isNumber(s string) bool {
	return s != "" && (s[0] == '-' || isDigit(s[0])) && json.Valid([]byte(s))
}

func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return appendText(dst, "NaN")
	case math.IsInf(f, 1):
		return appendText(dst, "Infinity")
	case math.IsInf(f, -1):
		return appendText(dst, "-Infinity")
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, bits)
}

// appendText writes a text in the form in which it travels on, so that its length is what counts.
func appendText(dst []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("queries: a text cannot be encoded: %v", err)) // encoding/json encodes every text
	}
	return append(dst, b...)
}
