package reduce

// sum adds up, without any rounding.
type sum struct {
	n     int64
	total exact
}

func (s *sum) add(v input) {
	s.n++
	s.total.add(v.number)
}

func (s *sum) merge(other accumulator) {
	o := as[*sum](other)
	s.n += o.n
	s.total.merge(&o.total)
}

func (s *sum) append(dst []byte) []byte { return appendExact(appendCount(dst, s.n), &s.total) }

func (s *sum) read(r *reader) error {
	s.n = r.count()
	r.exact(&s.total)
	return r.err
}

func (s *sum) count() int64  { return s.n }
func (s *sum) answer() Value { return Value{JSON: s.total.json()} }
