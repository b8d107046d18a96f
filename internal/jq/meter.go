package jq

import (
	"encoding/json"
	"fmt"
	"math/big"
	"runtime/metrics"

	"github.com/itchyny/gojq"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// A short query can make a value that is small in memory, because its parts are shared, and endless when it is written out or compared;
// it can double a text forty times; and it can collect for ever. The machine that runs it looks at the context between two
// instructions, and no instruction ends early. So queries are metered: compile lets every instruction that could be long be weighed
// before.
const (
	maxIndex  = 10_000_000
	maxNumber = 64 << 10 // digits; arithmetic with more takes too long
)

// Bounds in bytes, which tests lower.
var (
	maxOperand       = 64 << 20  // what one operation may read or make
	maxHeap    int64 = 256 << 20 // by how much the heap may grow while a query runs that may have made so much
)

// meter is of one run of a query.
type meter struct {
	made    int64  // bytes that the query may have made: it cannot hold more
	next    int64  // when made is so much, the heap is looked at
	before  uint64 // live bytes of the heap when it was first looked at
	verdict error

	reserve  func(bytes int64) error
	reserved int64
}

// maxReserved is the most that is reserved for what a query makes: most of what it makes it does not keep, and only the heap tells how much
// it does. reserveStep is by how much more at a time.
const (
	maxReserved = 64 << 20
	reserveStep = 4 << 20
)

func newMeter(reserve func(bytes int64) error) *meter { return &meter{next: maxHeap, reserve: reserve} }

// live is how much memory was in use at the last garbage collection.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}

// add says that the query makes something.
func (m *meter) add(bytes int) error {
	if m.verdict != nil {
		return m.verdict
	}
	if bytes > maxOperand {
		m.verdict = tooLarge("one step of the query reads or makes more than %d bytes", maxOperand)
		return m.verdict
	}
	m.made += int64(bytes)
	if held := min(m.made, maxReserved); held > m.reserved {
		m.reserved = min(held+reserveStep, maxReserved)
		if m.verdict = m.reserve(m.reserved); m.verdict != nil {
			return m.verdict
		}
	}
	if m.made < m.next {
		return nil
	}
	now := live()
	if m.next == maxHeap {
		m.before = now
	}
	m.next = m.made + maxHeap/16
	if now > m.before+uint64(maxHeap) {
		m.verdict = tooLarge("while it ran the program needed %d bytes more", maxHeap)
	}
	return m.verdict
}

func tooLarge(format string, args ...any) error {
	return ops.Fail(events.ReasonTooLarge, fmt.Errorf("jq: "+format+": select less, or collect less", args...))
}

// deep is about how many bytes a value has when it is written out, up to a little more than maxOperand.
func deep(v any) int {
	left := maxOperand
	weigh(v, &left)
	return maxOperand - left
}

func weigh(v any, left *int) {
	const node = 16
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if *left -= node; *left < 0 {
				return
			}
			weigh(e, left)
		}
	case map[string]any:
		for k, e := range v {
			if *left -= node + len(k); *left < 0 {
				return
			}
			weigh(e, left)
		}
	default:
		*left -= shallow(v)
	}
}

// shallow is how many bytes a value has itself, without its parts.
func shallow(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []any:
		return 16 * len(v)
	case map[string]any:
		return 48 * len(v)
	case json.Number:
		return digits(len(v))
	case *big.Int:
		return digits(v.BitLen() * 3 / 10)
	}
	return 0
}

func digits(n int) int {
	if n > maxNumber {
		return maxOperand + 1
	}
	return n
}

// product is how many bytes a times b makes.
func product(a, b int) int {
	if b > 0 && a > maxOperand/b {
		return maxOperand + 1
	}
	return a * b
}

// length is the number of elements of a value.
func length(v any) int {
	switch v := v.(type) {
	case []any:
		return len(v)
	case map[string]any:
		return len(v)
	}
	return 0
}

// function makes a function of the language that weighs: its input, and its arguments after the meter.
func function(name string, arity int, weight func(v any, args []any) int) gojq.CompilerOption {
	return gojq.WithFunction(name, arity+1, arity+1, func(v any, args []any) any {
		m, ok := args[0].(*meter)
		if !ok {
			return fmt.Errorf("%s is reserved", meterName) // no query gets here that was compiled
		}
		if err := m.add(weight(v, args[1:])); err != nil {
			return err
		}
		return v
	})
}

// functions are what metered queries call.
var functions = []gojq.CompilerOption{
	gojq.WithVariables([]string{meterName}),
	function("__fm_call", 0, func(any, []any) int { return 96 }),                                                    // a call, or an element of a list
	function("__fm_top", 0, func(v any, _ []any) int { return shallow(v) }),                                         // copies, or puts together
	function("__fm_deep", 0, func(v any, _ []any) int { return deep(v) }),                                           // writes out, or compares
	function("__fm_arg", 1, func(v any, args []any) int { return deep(v) + deep(args[0]) }),                         // compares with
	function("__fm_each", 1, func(v any, args []any) int { return each(deep(v), deep(args[0])) }),                   // compares each with each
	function("__fm_glue", 1, func(v any, args []any) int { return deep(v) + product(shallow(args[0]), length(v)) }), // puts between
	function("__fm_pair", 2, func(_ any, args []any) int { return multiply(args[0], args[1]) }),
	function("__fm_times", 1, func(v any, args []any) int { return multiply(v, args[0]) }),
	function("__fm_less", 2, func(_ any, args []any) int { return each(deep(args[0]), deep(args[1])) }),
	function("__fm_index", 0, func(v any, _ []any) int { return index(v) }),
	function("__fm_path", 0, func(v any, _ []any) int { return path(v) }),
	function("__fm_event", 0, func(v any, _ []any) int { return event(v) }),
	function("__fm_rows", 0, func(v any, _ []any) int { return rows(v) }),
}

// each is the weight of comparing all parts of one thing with all of another.
func each(a, b int) int { return max(a, b, product(a/64, b/64)) }

// multiply is the weight of a product: texts are repeated, objects merged, and large numbers multiplied.
func multiply(a, b any) int {
	text, n := a, b
	if _, ok := b.(string); ok {
		text, n = b, a
	}
	s, ok := text.(string)
	if !ok {
		return deep(a) + deep(b)
	}
	times := 0
	switch n := n.(type) {
	case int:
		times = n
	case float64:
		times = int(min(max(n, 0), float64(maxOperand+1))) + 1
	case json.Number, *big.Int:
		times = maxOperand + 1
		if f, err := json.Number(fmt.Sprint(n)).Float64(); err == nil {
			times = int(min(max(f, 0), float64(maxOperand+1))) + 1
		}
	}
	return product(len(s), max(0, times))
}

// index is the weight of an index: what is set at it makes a list of so many elements.
func index(v any) int {
	var n float64
	switch v := v.(type) {
	case int:
		n = float64(v)
	case float64:
		n = v
	case json.Number:
		n, _ = v.Float64() // what is too large is infinite
	case *big.Int:
		n, _ = new(big.Float).SetInt(v).Float64()
	default:
		return deep(v)
	}
	if n > maxIndex {
		return maxOperand + 1
	}
	if n < 1000 {
		return 0
	}
	return int(n) // for a little more than it would be, because most are only read
}

func path(v any) int {
	list, _ := v.([]any)
	most := 0
	for _, part := range list {
		most = max(most, index(part))
	}
	return most
}

// event is the weight of a path with its value, as fromstream takes them.
func event(v any) int {
	if list, ok := v.([]any); ok && len(list) > 0 {
		return path(list[0])
	}
	return 0
}

// rows is the weight of a table turned round: a list of lists that are as long as the longest.
func rows(v any) int {
	list, _ := v.([]any)
	longest := 0
	for _, row := range list {
		longest = max(longest, length(row))
	}
	return product(16*longest, len(list))
}
