package store

import (
	"strings"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// All SQL of the SQLite store is in this file and in migrations/sqlite.

const sqlVersion = `SELECT max(version_id) FROM goose_db_version WHERE is_applied`

// Of the writer.
const (
	sqlBegin    = `BEGIN IMMEDIATE`
	sqlCommit   = `COMMIT`
	sqlRollback = `ROLLBACK`

	sqlLastSeq = `SELECT max((SELECT coalesce(max(seq), 0) FROM results), (SELECT coalesce(max(seq), 0) FROM borrowed))`

	// One prepared statement per row did 96,000 rows/s where multi-row VALUES did 78,000 and json_each 53,000.
	sqlInsertResult = `INSERT INTO results (seq, id, recipe, batch, idx, key, status, reason, error, attempts, value, fetch, submitted, finished)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	sqlResultByID = `SELECT ` + resultColumns + ` FROM results r LEFT JOIN batches b ON b.num = r.batch WHERE r.id = ?`
	sqlBorrow     = `INSERT INTO borrowed (seq, batch, idx, result) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`

	sqlInsertBatch = `INSERT INTO batches (name, recipe, state, cancel, announced, total, ok, failed, cancelled, created, updated, finished)
		VALUES (?, '', 'open', 0, 0, -1, 0, 0, 0, ?, ?, 0)`
	sqlUpdateBatch = `UPDATE batches SET recipe = ?, state = ?, cancel = ?, announced = ?, total = ?, ok = ?, failed = ?, cancelled = ?, updated = ?, finished = ?
		WHERE num = ?`
	sqlBatchByName = `SELECT ` + batchColumns + ` FROM batches WHERE name = ?`
	sqlBatchesIdle = `SELECT ` + batchColumns + ` FROM batches WHERE finished = 0 AND updated < ? ORDER BY updated LIMIT ?`

	sqlAddCount = `INSERT INTO counts (batch, recipe, status, reason, n) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (batch, recipe, status, reason) DO UPDATE SET n = n + excluded.n`

	sqlPutOutbox    = `INSERT INTO outbox (subject, msg_id, type, data) VALUES (?, ?, ?, ?)`
	sqlDeleteOutbox = `DELETE FROM outbox WHERE id = ?`
)

// Of the readers.
const (
	sqlOutbox     = `SELECT id, subject, msg_id, type, data FROM outbox ORDER BY id LIMIT ?`
	sqlBatchNum   = `SELECT num FROM batches WHERE name = ?`
	sqlBatches    = `SELECT ` + batchColumns + ` FROM batches WHERE num < ? ORDER BY num DESC LIMIT ?`
	sqlBatchAfter = `SELECT ` + batchColumns + ` FROM batches WHERE num < ? AND name = ?`
	sqlCounts     = `SELECT recipe, status, reason, n FROM counts WHERE batch = ? AND (? = '' OR recipe = ?) ORDER BY recipe, status, reason`
)

const (
	batchColumns = `num, name, recipe, state, cancel, announced, total, ok, failed, cancelled, created, updated, finished`
	// resultFacts are the same wherever a result appears; its place and its batch depend on who asks.
	resultFacts   = `r.id, r.recipe, r.key, r.status, r.reason, r.error, r.attempts, r.value, r.fetch, r.submitted, r.finished`
	resultColumns = `r.seq AS seq, r.batch AS num, coalesce(b.name, '') AS name, r.idx AS idx, ` + resultFacts
)

// resultsSQL writes the query for a page of results. Indexes are named, and kept from being used with a unary plus, because
// without statistics SQLite sometimes sorts a whole batch to return one page of it.
func resultsSQL(q events.ResultQuery, after cursor, batch int64) (string, []any) {
	own := selection{from: `results r`, seq: `r.seq`, idx: `r.idx`}
	switch {
	case q.ID != "":
		own.where(`r.id = ?`, q.ID)
	case q.Batch != "" && q.Order == events.OrderIndex:
		own.from += ` INDEXED BY results_batch_idx`
	case q.Batch != "":
		own.from += ` INDEXED BY results_batch`
	case q.Reason != "" || q.Status != "" && q.Status != events.StatusOK:
		own.from += ` INDEXED BY results_not_ok`
		own.where(`r.status <> 'ok'`)
	case q.Recipe != "":
		own.from += ` INDEXED BY results_recipe`
		own.where(`r.recipe = ?`, q.Recipe)
	}
	if q.Batch == "" {
		own.from += ` LEFT JOIN batches b ON b.num = r.batch`
		own.filter(q)
		return own.page(`SELECT `+resultColumns, after, q.Limit)
	}
	own.where(`r.batch = ?`, batch)
	own.filter(q)
	shared := selection{from: `borrowed w INDEXED BY borrowed_batch`, seq: `w.seq`, idx: `w.idx`}
	if q.Order == events.OrderIndex {
		shared.from += `_idx`
	}
	shared.from += ` CROSS JOIN results r ON r.seq = w.result` // a CROSS JOIN is never turned round
	shared.where(`w.batch = ?`, batch)
	if q.ID != "" {
		shared.where(`r.id = ?`, q.ID)
	}
	shared.filter(q)
	one, args := own.page(`SELECT r.seq AS seq, r.batch AS num, ? AS name, r.idx AS idx, `+resultFacts, after, q.Limit, q.Batch)
	two, more := shared.page(`SELECT w.seq AS seq, w.batch AS num, ? AS name, w.idx AS idx, `+resultFacts, after, q.Limit, q.Batch)
	both := selection{seq: `seq`, idx: `idx`}
	return `SELECT * FROM (` + one + `) UNION ALL SELECT * FROM (` + two + `)` + both.orderBy(after) + ` LIMIT ?`,
		append(append(args, more...), q.Limit)
}

// selection gathers a FROM and a WHERE clause; seq and idx are the columns of the order.
type selection struct {
	from, seq, idx string
	terms          []string
	args           []any
}

func (s *selection) where(term string, args ...any) {
	s.terms, s.args = append(s.terms, term), append(s.args, args...)
}

// filter adds what is tested row by row.
func (s *selection) filter(q events.ResultQuery) {
	if q.Recipe != "" {
		s.where(`+r.recipe = ?`, q.Recipe)
	}
	if q.Status != "" {
		s.where(`+r.status = ?`, string(q.Status))
	}
	if q.Reason != "" {
		s.where(`+r.reason = ?`, string(q.Reason))
	}
}

func (s *selection) orderBy(after cursor) string {
	switch after.order {
	case events.OrderNewest:
		return ` ORDER BY ` + s.seq + ` DESC`
	case events.OrderIndex:
		return ` ORDER BY ` + s.idx + `, ` + s.seq
	default:
		return ` ORDER BY ` + s.seq
	}
}

// page finishes the query; first are the arguments of the columns.
func (s *selection) page(columns string, after cursor, limit int, first ...any) (string, []any) {
	switch after.order {
	case events.OrderNewest:
		s.where(s.seq+` < ?`, after.seq)
	case events.OrderIndex:
		s.where(`(`+s.idx+`, `+s.seq+`) > (?, ?)`, after.idx, after.seq)
	default:
		s.where(s.seq+` > ?`, after.seq)
	}
	text := columns + ` FROM ` + s.from + ` WHERE ` + strings.Join(s.terms, ` AND `) + s.orderBy(after) + ` LIMIT ?`
	return text, append(append(first, s.args...), limit)
}
