package reduce

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// number is a finite number: an integer if it is one of 64 bits, otherwise a float64. Equal numbers are equal values of this type.
type number struct {
	i       int64
	f       float64 // only if isFloat
	isFloat bool
}

// numberOf reads what an expression yields. Durations count as seconds, times as seconds since 1970, false as 0 and true as 1.
func numberOf(v any) (number, bool) {
	switch v := v.(type) {
	case int:
		return number{i: int64(v)}, true
	case int64:
		return number{i: v}, true
	case float64:
		return fromFloat(v)
	case bool:
		if v {
			return number{i: 1}, true
		}
		return number{}, true
	case time.Duration:
		return fromFloat(v.Seconds())
	case time.Time:
		if v.IsZero() || v.Year() < 1700 || v.Year() > 2200 { // beyond these nanoseconds have no room
			return fromFloat(float64(v.Unix()))
		}
		return fromFloat(float64(v.UnixNano()) / 1e9)
	}
	return number{}, false
}

func fromFloat(f float64) (number, bool) {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return number{}, false
	case f == math.Trunc(f) && f >= math.MinInt64 && f < -math.MinInt64:
		return number{i: int64(f)}, true
	}
	return number{f: f, isFloat: true}, true
}

// float is the nearest float64.
func (n number) float() float64 {
	if n.isFloat {
		return n.f
	}
	return float64(n.i)
}

// less compares exactly.
func (n number) less(o number) bool {
	switch {
	case n.isFloat && o.isFloat:
		return n.f < o.f
	case n.isFloat:
		return n.f < -math.MinInt64 && (n.f < math.MinInt64 || int64(math.Floor(n.f)) < o.i) // n.f is no integer, or beyond all int64
	case o.isFloat:
		return o.f > math.MinInt64 && (o.f >= -math.MinInt64 || n.i <= int64(math.Floor(o.f)))
	}
	return n.i < o.i
}

// json is the number as JSON.
func (n number) json() []byte {
	if n.isFloat {
		return appendFloat(nil, n.f)
	}
	return strconv.AppendInt(nil, n.i, 10)
}

// appendFloat writes a finite float as encoding/json does.
func appendFloat(dst []byte, f float64) []byte {
	data, err := json.Marshal(f)
	if err != nil {
		return append(dst, null...) // it is not finite
	}
	return append(dst, data...)
}
