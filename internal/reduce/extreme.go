package reduce

// extreme is the smallest or the largest value.
type extreme struct {
	least bool
	n     int64
	best  number // if n > 0
}

func (x *extreme) add(v input) { x.take(v.number, 1) }

func (x *extreme) take(v number, n int64) {
	if x.n == 0 || x.least && v.less(x.best) || !x.least && x.best.less(v) {
		x.best = v
	}
	x.n += n
}

func (x *extreme) merge(other accumulator) {
	if o := as[*extreme](other); o.n > 0 {
		x.take(o.best, o.n)
	}
}

func (x *extreme) append(dst []byte) []byte {
	dst = appendCount(dst, x.n)
	if x.n > 0 {
		dst = appendNumber(dst, x.best)
	}
	return dst
}

func (x *extreme) read(r *reader) error {
	if x.n = r.count(); x.n > 0 {
		x.best = r.number()
	}
	return r.err
}

func (x *extreme) count() int64 { return x.n }

func (x *extreme) answer() Value {
	if x.n == 0 {
		return Value{JSON: null}
	}
	return Value{JSON: x.best.json()}
}
