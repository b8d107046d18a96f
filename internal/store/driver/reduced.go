package driver

// Reduction is a set of reductions that results of a batch have come with.
type Reduction struct {
	ID    int64 // of the sequence
	Batch int64
	Spec  string // JSON
}

// ReducedKey names a row of what the results that came with a set, or are in a window, are reduced to. Names are bytes, and sort as such.
type ReducedKey struct {
	Reduction int64 // or the id of a window, which is of the same sequence
	Part      int
	Name      string
}

// ReducedRow is such a row.
type ReducedRow struct {
	ReducedKey
	State []byte
}

// ReducedColumns are what ScanReduced reads, in this order.
const ReducedColumns = `reduction, part, name, state`

// ScanReduced reads ReducedColumns.
func ScanReduced(s Scanner) (r ReducedRow, err error) {
	var name []byte
	err = s.Scan(&r.Reduction, &r.Part, &name, &r.State)
	r.Name = string(name)
	return r, err
}

// ScanReduction reads id, batch and spec.
func ScanReduction(s Scanner) (r Reduction, err error) {
	err = s.Scan(&r.ID, &r.Batch, &r.Spec)
	return r, err
}
