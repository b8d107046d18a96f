package driver

import (
	"math"
	"strings"
)

// Dialect is how databases differ in what they are asked for results.
type Dialect struct {
	// Hints names the index to use, and keeps others from being used with a unary plus, because without statistics
	// SQLite sometimes sorts a whole batch to return one page of it. Without hints the order is that of one index only: statistics do not tell
	// PostgreSQL that the rows of a batch lie together, and it would look for them along another index, through all others.
	Hints bool
	// Like compares with a pattern whatever the case of ASCII letters.
	Like string
}

// Page writes the query for a page of results, with the placeholders ? and their arguments, to be read by ScanRow.
func (d Dialect) Page(q Select) (string, []any) {
	own, shared := d.walks(q)
	own.sieve(q)
	if q.Batch == "" {
		own.table += ` LEFT JOIN batches b ON b.num = r.batch`
		text, args := own.text(`SELECT r.seq, coalesce(r.batch, 0), coalesce(b.name, ''), r.idx, ` + ResultFacts)
		return text + ` LIMIT ?`, append(args, q.Limit)
	}
	if d.Hints || q.ID != "" {
		shared.table += ` CROSS JOIN results r` // in SQLite a CROSS JOIN is never turned round
		shared.where(`r.seq = w.result`)
	} else {
		shared.table += ` CROSS JOIN LATERAL (SELECT * FROM results WHERE seq = w.result OFFSET 0) r` // nor is this in PostgreSQL
	}
	if q.ID != "" {
		shared.where(`r.id = ?`, q.ID)
	}
	shared.sieve(q)
	both := walk{Dialect: d, q: q, major: `idx`, seq: `seq`}
	if own.first != "" {
		both.first = `num`
	}
	one, args := own.text(`SELECT r.seq AS seq, r.batch AS num, CAST(? AS text) AS name, r.idx AS idx, `+ResultFacts, q.Batch)
	two, more := shared.text(`SELECT w.seq AS seq, w.batch AS num, CAST(? AS text) AS name, w.idx AS idx, `+ResultFacts, q.Batch)
	text := `SELECT * FROM (` + one + ` LIMIT ?) x UNION ALL SELECT * FROM (` + two + ` LIMIT ?) y` + both.order() + ` LIMIT ?`
	return text, append(append(append(append(args, q.Limit), more...), q.Limit), q.Limit)
}

// Reach writes the queries for the place of the n-th row of a walk, whether the query selects it or not; one has no answer where there
// are fewer. With two, of the rows that a batch has and of those that it borrows, the place that comes first is the one.
func (d Dialect) Reach(q Select, n int) (texts []string, args [][]any) {
	own, shared := d.walks(q)
	for _, w := range []walk{own, shared} {
		if w.table == "" {
			continue
		}
		text, list := w.text(`SELECT ` + w.majorOrZero() + `, ` + w.seq)
		texts, args = append(texts, text+` LIMIT 1 OFFSET ?`), append(args, append(list, n-1))
	}
	return texts, args
}

// walk gathers a FROM and a WHERE clause; first, major and seq are the columns of the order.
type walk struct {
	Dialect
	q          Select
	table      string
	first      string // has one value in all rows; "" if there is none that matters for the order
	major, seq string // major is "" if it is by seq alone
	terms      []string
	args       []any
}

// walks tells where the rows of a query are, and in a batch those that it borrows, before any are left out.
func (d Dialect) walks(q Select) (own, shared walk) {
	own = walk{Dialect: d, q: q, table: `results r`, major: map[Walk]string{ByIndex: `r.idx`, ByFinished: `r.finished`}[q.Walk()], seq: `r.seq`}
	switch index := q.Index(); index {
	case IndexID:
		own.where(`r.id = ?`, q.ID)
	case IndexBatch, IndexBatchIdx:
		own.by(index)
	case IndexHost:
		own.by(index)
		own.where(`r.host <> ''`)
		own.only(`r.host`, q.Host)
	case IndexNotOK:
		own.by(index)
		own.where(`r.status <> 'ok'`)
	case IndexRecipe:
		own.by(index)
		own.only(`r.recipe`, q.Recipe)
	case IndexFinished:
		own.by(index)
	case IndexSeq:
	}
	if q.Batch == "" {
		own.bounds()
		return own, shared
	}
	own.where(`r.batch IS NOT NULL`)
	own.only(`r.batch`, q.Num)
	own.bounds()
	shared = walk{Dialect: d, q: q, table: `borrowed w`, seq: `w.seq`}
	if q.Walk() == ByIndex {
		shared.major = `w.idx`
		shared.by(`borrowed_batch_idx`)
	} else {
		shared.by(`borrowed_batch`)
	}
	shared.only(`w.batch`, q.Num)
	shared.bounds()
	return own, shared
}

// by names the index to use.
func (w *walk) by(index Index) {
	if w.Hints {
		w.table += ` INDEXED BY ` + string(index)
	}
}

func (w *walk) where(term string, args ...any) {
	w.terms, w.args = append(w.terms, term), append(w.args, args...)
}

// only selects the rows that have this value in the first column of the index.
func (w *walk) only(column string, value any) {
	if w.Hints || w.q.ID != "" {
		w.where(column+` = ?`, value)
		return
	}
	kind := `bigint`
	if _, ok := value.(string); ok {
		kind = `text`
	}
	w.first = column
	w.where(w.is(column, kind), value)
}

// is selects the rows that have a value of this type in the first column of an index, to be walked in the order of that index: without hints, =
// would tell the planner that the order is also that of the columns behind, which other indexes have, too.
func (d Dialect) is(column, kind string) string {
	if d.Hints {
		return column + ` = ?`
	}
	return column + ` = ANY(ARRAY[CAST(? AS ` + kind + `)])`
}

// bounds begins after the query's place, and ends where it should look no further.
func (w *walk) bounds() {
	after, to := w.q.After, w.q.To
	if w.q.Walk() == ByFinished { // the range of times is a part of the walk
		from, until := w.q.finished()
		first, last := Place{from, math.MinInt64}, Place{until, math.MaxInt64}
		if w.q.Down() {
			first, last = last, first
		}
		if w.q.Before(after, first) {
			after = first
		}
		if to == nil || w.q.Before(last, *to) {
			to = &last
		}
	}
	beyond, within := ` > `, ` <= `
	if w.q.Down() {
		beyond, within = ` < `, ` >= `
	}
	w.compare(beyond, after)
	if to != nil {
		w.compare(within, *to)
	}
}

func (w *walk) compare(operator string, p Place) {
	if w.major == "" {
		w.where(w.seq+operator+`?`, p.Seq)
		return
	}
	w.where(`(`+w.major+`, `+w.seq+`)`+operator+`(?, ?)`, p.Major, p.Seq)
}

// sieve leaves out what the query does not select, row by row.
func (w *walk) sieve(q Select) {
	plus, recipe := ``, `(r.recipe || '')` // which no index has
	if w.Hints {
		plus, recipe = `+`, `+r.recipe`
	}
	index := q.Index()
	if q.Recipe != "" && index != IndexRecipe {
		w.where(recipe+` = ?`, q.Recipe)
	}
	if q.Status != "" {
		w.where(plus+`r.status = ?`, string(q.Status))
	}
	if q.Reason != "" {
		w.where(plus+`r.reason = ?`, string(q.Reason))
	}
	if q.Host != "" && index != IndexHost {
		w.where(plus+`r.host = ?`, q.Host)
	}
	if q.timed() && q.Walk() != ByFinished {
		from, to := q.finished()
		w.where(plus+`r.finished >= ?`, from)
		w.where(plus+`r.finished <= ?`, to)
	}
	if q.Text != "" {
		pattern := `%` + likeEscaper.Replace(q.Text) + `%`
		w.where(`(r.key `+w.Like+` ? ESCAPE '\' OR r.id `+w.Like+` ? ESCAPE '\')`, pattern, pattern)
	}
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func (w *walk) order() string {
	desc := ``
	if w.q.Down() {
		desc = ` DESC`
	}
	text := ` ORDER BY `
	if w.first != "" {
		text += w.first + desc + `, `
	}
	if w.q.Walk() != BySeq {
		text += w.major + desc + `, `
	}
	return text + w.seq + desc
}

func (w *walk) majorOrZero() string {
	if w.major == "" {
		return `0`
	}
	return w.major
}

// text finishes the query but for its limit; first are the arguments of the columns. Of an id there is one row, which needs no order: PostgreSQL
// would go through all rows in that order rather than find the one and sort.
func (w *walk) text(columns string, first ...any) (string, []any) {
	text := columns + ` FROM ` + w.table + ` WHERE ` + strings.Join(w.terms, ` AND `)
	if w.q.ID == "" {
		text += w.order()
	}
	return text, append(first, w.args...)
}
