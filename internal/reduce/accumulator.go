package reduce

import "encoding/json"

// accumulator is what a reduction knows about the values that went in. Equal sets of values make equal accumulators, whatever
// the order and the grouping, and equal bytes.
type accumulator interface {
	// add takes in one value.
	add(v input)
	// merge takes in what another one of the same reduction knows, which is not used afterwards.
	merge(other accumulator)
	// append writes it.
	append(dst []byte) []byte
	// read reads into an empty one what append has written.
	read(r *reader) error
	// count is how many values went in.
	count() int64
	// answer is what people are told.
	answer() Value
}

// input is a value on its way into an accumulator, in the form that the operation takes.
type input struct {
	number number // of those that compute
	hash   uint64 // of distinct
}

// Value is the answer of a reduction, or of one of its keys.
type Value struct {
	// JSON is null if nothing can be said: the mean of no values for example.
	JSON json.RawMessage
	// Estimate tells that it is close, within the bounds that docs/reduce.md states, and not exact.
	Estimate bool
}

// newAccumulator makes an empty one. There is none for OpTop, whose values are keys that are counted.
func newAccumulator(r *Reduction) accumulator {
	switch r.Op {
	case OpSum:
		return &sum{}
	case OpMin:
		return &extreme{least: true}
	case OpMax:
		return &extreme{}
	case OpMean:
		return &mean{}
	case OpStddev:
		return &stddev{}
	case OpQuantiles:
		return &quantiles{q: r.Q}
	case OpDistinct:
		return &distinct{}
	case OpHistogram:
		return &histogram{bounds: r.bounds()}
	default:
		return &count{}
	}
}
