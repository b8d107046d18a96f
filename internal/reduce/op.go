package reduce

// Op is what a reduction makes of its values.
type Op string

// The operations. docs/reduce.md describes them.
const (
	OpCount     Op = "count"
	OpSum       Op = "sum"
	OpMin       Op = "min"
	OpMax       Op = "max"
	OpMean      Op = "mean"
	OpStddev    Op = "stddev"
	OpQuantiles Op = "quantiles"
	OpDistinct  Op = "distinct"
	OpTop       Op = "top"
	OpHistogram Op = "histogram"
)

// Ops lists all operations.
func Ops() []Op {
	return []Op{OpCount, OpSum, OpMin, OpMax, OpMean, OpStddev, OpQuantiles, OpDistinct, OpTop, OpHistogram}
}
