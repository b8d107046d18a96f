package reduce

import "strconv"

// count counts.
type count struct{ n int64 }

func (c *count) add(input)                { c.n++ }
func (c *count) merge(other accumulator)  { c.n += as[*count](other).n }
func (c *count) append(dst []byte) []byte { return appendCount(dst, c.n) }
func (c *count) read(r *reader) error     { c.n = r.count(); return r.err }
func (c *count) count() int64             { return c.n }
func (c *count) answer() Value            { return Value{JSON: strconv.AppendInt(nil, c.n, 10)} }
