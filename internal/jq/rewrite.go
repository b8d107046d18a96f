package jq

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

const (
	reserved  = "__fm" // what names begin with that only rewriting may use
	meterName = "$" + reserved
)

// metered are the functions of the language that can take long or make much in one instruction, or that call what they are given for ever,
// each with a definition that weighs before. Inside a definition the name is that of the language.
var metered = func() map[string]*gojq.FuncDef {
	all := make(map[string]*gojq.FuncDef)
	define := func(name string, arity int, definition string) {
		query, err := gojq.Parse(definition + " .")
		if err != nil {
			panic(fmt.Sprintf("jq: %s: %v", definition, err))
		}
		all[name+"/"+strconv.Itoa(arity)] = query.FuncDefs[0]
	}
	plain := func(weight string, names ...string) {
		for _, n := range names {
			define(n, 0, fmt.Sprintf("def __fm_%s: %s($__fm) | %s;", n, weight, n))
		}
	}
	value := func(weight string, names ...string) {
		for _, n := range names {
			define(n, 1, fmt.Sprintf("def __fm_%s($x): %s($__fm; $x) | %s($x);", n, weight, n))
		}
	}
	plain("__fm_deep", "tojson", "tostring", "tonumber", "fromjson", "add", "implode", "explode", "flatten", "sort", "unique", "min", "max", "tostream")
	plain("__fm_rows", "transpose")
	value("__fm_arg", "bsearch", "flatten", "ltrimstr", "rtrimstr", "trimstr", "split")
	value("__fm_each", "contains", "inside", "indices", "index", "rindex")
	value("__fm_glue", "join")
	for _, n := range []string{"sort_by", "group_by", "unique_by", "min_by", "max_by"} {
		define(n, 1, fmt.Sprintf("def __fm_%s(f): %s(f | __fm_call($__fm) | __fm_deep($__fm));", n, n))
	}
	for _, n := range []string{"map", "walk", "recurse", "repeat", "with_entries", "map_values"} {
		define(n, 1, fmt.Sprintf("def __fm_%s(f): %s(f | __fm_call($__fm));", n, n))
	}
	for _, n := range []string{"recurse", "while", "until"} {
		define(n, 2, fmt.Sprintf("def __fm_%s2(f; g): %s(f | __fm_call($__fm); g | __fm_call($__fm));", n, n))
	}
	for _, n := range []string{"sub", "gsub"} {
		define(n, 2, fmt.Sprintf("def __fm_%s2($re; s): %s($re; s | __fm_call($__fm) | __fm_top($__fm));", n, n))
		define(n, 3, fmt.Sprintf("def __fm_%s3($re; s; $flags): %s($re; s | __fm_call($__fm) | __fm_top($__fm); $flags);", n, n))
	}
	define("add", 1, "def __fm_add1(f): [f | __fm_call($__fm)] | __fm_deep($__fm) | add;")
	define("IN", 1, "def __fm_IN(s): __fm_deep($__fm) | IN(s | __fm_deep($__fm));")
	define("IN", 2, "def __fm_IN2(src; s): IN(src | __fm_deep($__fm); s | __fm_deep($__fm));")
	define("INDEX", 1, "def __fm_INDEX(f): INDEX(f | __fm_deep($__fm));")
	define("INDEX", 2, "def __fm_INDEX2(s; f): INDEX(s | __fm_call($__fm); f | __fm_deep($__fm));")
	define("getpath", 1, "def __fm_getpath(p): getpath(p | __fm_path($__fm));")
	define("setpath", 2, "def __fm_setpath(p; v): setpath(p | __fm_path($__fm); v);")
	define("nth", 1, "def __fm_nth(n): nth(n | __fm_index($__fm));")
	define("fromstream", 1, "def __fm_fromstream(f): fromstream(f | __fm_event($__fm));")
	define("*", 2, "def __fm_mul(a; b): b as $b | a as $a | __fm_pair($__fm; $a; $b) | $a * $b;")
	define("-", 2, "def __fm_sub(a; b): b as $b | a as $a | __fm_less($__fm; $a; $b) | $a - $b;")
	return all
}()

// rewriter puts the meter into a query.
type rewriter struct {
	used map[string]*gojq.FuncDef
	err  error
}

// rewrite puts the meter into a query.
func rewrite(query *gojq.Query) error {
	r := &rewriter{used: make(map[string]*gojq.FuncDef)}
	r.query(query)
	var definitions []*gojq.FuncDef
	for _, def := range r.used {
		definitions = append(definitions, def)
	}
	query.FuncDefs = append(definitions, query.FuncDefs...)
	return r.err
}

// call is a call of a function of the meter.
func call(name string, args ...*gojq.Query) *gojq.Query {
	variable := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: meterName}}}
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{
		Name: name, Args: append([]*gojq.Query{variable}, args...),
	}}}
}

func pipe(left, right *gojq.Query) *gojq.Query {
	return &gojq.Query{Left: left, Op: gojq.OpPipe, Right: right}
}

// reserve refuses a name that only rewriting may use, and the definition of one that would hide what is metered.
func (r *rewriter) reserve(name string, arity int, defines bool) {
	if strings.HasPrefix(strings.TrimPrefix(name, "$"), reserved) {
		r.err = fmt.Errorf("the name %s is reserved", name)
	}
	if _, ok := metered[name+"/"+strconv.Itoa(arity)]; ok && defines {
		r.err = fmt.Errorf("%s is a function of the language already: call yours something else", name)
	}
}

func (r *rewriter) query(q *gojq.Query) {
	if q == nil {
		return
	}
	for _, def := range q.FuncDefs {
		r.reserve(def.Name, len(def.Args), true)
		for _, arg := range def.Args {
			r.reserve(arg, 0, true)
		}
		r.query(def.Body)
		def.Body = pipe(call("__fm_call"), def.Body)
	}
	for _, p := range q.Patterns {
		r.pattern(p)
	}
	r.term(q.Term)
	r.query(q.Left)
	r.query(q.Right)
	r.operator(q)
}

// operator rewrites the operators.
func (r *rewriter) operator(q *gojq.Query) {
	switch q.Op {
	case gojq.OpAdd:
		r.operands(q, "__fm_top")
	case gojq.OpDiv, gojq.OpMod, gojq.OpEq, gojq.OpNe, gojq.OpGt, gojq.OpLt, gojq.OpGe, gojq.OpLe:
		r.operands(q, "__fm_deep")
	case gojq.OpMul, gojq.OpSub:
		switch {
		case q.Op == gojq.OpSub && (scalar(q.Left) || scalar(q.Right)):
			return
		case q.Op == gojq.OpMul && number(q.Right):
			q.Left = pipe(q.Left, call("__fm_times", q.Right))
			return
		case q.Op == gojq.OpMul && number(q.Left):
			q.Right = pipe(q.Right, call("__fm_times", q.Left))
			return
		}
		name := q.Op.String() + "/2"
		r.used[name] = metered[name]
		*q = gojq.Query{FuncDefs: q.FuncDefs, Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{
			Name: metered[name].Name, Args: []*gojq.Query{q.Left, q.Right},
		}}}
	case gojq.OpUpdateAdd, gojq.OpUpdateSub, gojq.OpUpdateMul, gojq.OpUpdateDiv, gojq.OpUpdateMod:
		// l += r is r as $v | l |= . + $v.
		op := map[gojq.Operator]gojq.Operator{
			gojq.OpUpdateAdd: gojq.OpAdd, gojq.OpUpdateSub: gojq.OpSub, gojq.OpUpdateMul: gojq.OpMul,
			gojq.OpUpdateDiv: gojq.OpDiv, gojq.OpUpdateMod: gojq.OpMod,
		}[q.Op]
		const name = meterName + "_right"
		change := &gojq.Query{
			Left:  &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}},
			Op:    op,
			Right: &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name}}},
		}
		r.operator(change)
		*q = gojq.Query{
			FuncDefs: q.FuncDefs, Left: q.Right, Op: gojq.OpPipe, Patterns: []*gojq.Pattern{{Name: name}},
			Right: &gojq.Query{Left: q.Left, Op: gojq.OpModify, Right: change},
		}
	}
}

// operands weighs both operands, unless one is a number or a short text that is written in the query.
func (r *rewriter) operands(q *gojq.Query, weight string) {
	if scalar(q.Left) || scalar(q.Right) {
		return
	}
	q.Left, q.Right = pipe(q.Left, call(weight)), pipe(q.Right, call(weight))
}

// scalar tells whether a query is a constant without parts.
func scalar(q *gojq.Query) bool {
	if q == nil || q.Term == nil || len(q.Term.SuffixList) > 0 || len(q.FuncDefs) > 0 {
		return false
	}
	switch q.Term.Type {
	case gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse, gojq.TermTypeNumber:
		return true
	case gojq.TermTypeString:
		return len(q.Term.Str.Queries) == 0 && len(q.Term.Str.Str) < 256
	}
	return false
}

// number tells whether a query is a number that is written in it.
func number(q *gojq.Query) bool { return scalar(q) && q.Term.Type == gojq.TermTypeNumber }

func (r *rewriter) term(t *gojq.Term) {
	if t == nil {
		return
	}
	r.index(t.Index)
	for _, s := range t.SuffixList {
		r.index(s.Index)
	}
	r.text(t.Str)
	if t.Type == gojq.TermTypeFormat && t.Str == nil {
		// @base64 is . weighed | @base64.
		suffixes := t.SuffixList
		format := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFormat, Format: t.Format}}
		*t = gojq.Term{Type: gojq.TermTypeQuery, Query: pipe(call("__fm_deep"), format), SuffixList: suffixes}
		return
	}
	r.function(t.Func)
	if t.Object != nil {
		for _, kv := range t.Object.KeyVals {
			r.text(kv.KeyString)
			r.query(kv.KeyQuery)
			r.query(kv.Val)
		}
	}
	if t.Array != nil && t.Array.Query != nil {
		r.query(t.Array.Query)
		t.Array.Query = pipe(t.Array.Query, call("__fm_call"))
	}
	if t.Unary != nil {
		r.term(t.Unary.Term)
	}
	r.control(t)
	r.query(t.Query)
}

// control rewrites what decides and repeats.
func (r *rewriter) control(t *gojq.Term) {
	if t.If != nil {
		r.query(t.If.Cond)
		r.query(t.If.Then)
		for _, e := range t.If.Elif {
			r.query(e.Cond)
			r.query(e.Then)
		}
		r.query(t.If.Else)
	}
	if t.Try != nil {
		r.query(t.Try.Body)
		r.query(t.Try.Catch)
	}
	if t.Reduce != nil {
		r.query(t.Reduce.Query)
		for _, p := range t.Reduce.Patterns {
			r.pattern(p)
		}
		r.query(t.Reduce.Start)
		r.query(t.Reduce.Update)
	}
	if t.Foreach != nil {
		r.query(t.Foreach.Query)
		for _, p := range t.Foreach.Patterns {
			r.pattern(p)
		}
		r.query(t.Foreach.Start)
		r.query(t.Foreach.Update)
		r.query(t.Foreach.Extract)
	}
	if t.Label != nil {
		r.query(t.Label.Body)
	}
}

func (r *rewriter) function(f *gojq.Func) {
	if f == nil {
		return
	}
	r.reserve(f.Name, len(f.Args), false)
	for _, arg := range f.Args {
		r.query(arg)
	}
	name := f.Name + "/" + strconv.Itoa(len(f.Args))
	if def, ok := metered[name]; ok {
		r.used[name] = def
		f.Name = def.Name
	}
}

func (r *rewriter) index(i *gojq.Index) {
	if i == nil {
		return
	}
	r.text(i.Str)
	for _, part := range []**gojq.Query{&i.Start, &i.End} {
		if *part == nil {
			continue
		}
		r.query(*part)
		if !small(*part) {
			*part = pipe(*part, call("__fm_index"))
		}
	}
}

// small tells whether an index is a small number, or the name of a field.
func small(q *gojq.Query) bool {
	if !scalar(q) {
		return false
	}
	return q.Term.Type != gojq.TermTypeNumber || len(q.Term.Number) < 4 && !strings.ContainsAny(q.Term.Number, "eE")
}

// text rewrites the parts of a text that are computed.
func (r *rewriter) text(s *gojq.String) {
	if s == nil {
		return
	}
	for i, q := range s.Queries {
		if q.Term != nil && q.Term.Type == gojq.TermTypeString && len(q.Term.Str.Queries) == 0 {
			continue // what is written between them
		}
		r.query(q)
		s.Queries[i] = &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeQuery, Query: pipe(q, call("__fm_deep"))}}
	}
}

func (r *rewriter) pattern(p *gojq.Pattern) {
	r.reserve(p.Name, 0, false)
	for _, e := range p.Array {
		r.pattern(e)
	}
	for _, o := range p.Object {
		r.reserve(o.Key, 0, false)
		r.text(o.KeyString)
		r.query(o.KeyQuery)
		if o.Val != nil {
			r.pattern(o.Val)
		}
	}
}
