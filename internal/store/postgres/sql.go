package postgres

import (
	"strconv"
	"strings"

	"github.com/fetchmill/fetchmill/internal/store/driver"
)

// The SQL is here, in package driver what both databases are asked for a page of results, and the schema in migrations.

const sqlVersion = `SELECT max(version_id) FROM goose_db_version WHERE is_applied`

// Of transactions. What follows a lock is a statement of its own, because a statement sees what was committed before it began.
const (
	sqlBegin    = `BEGIN ISOLATION LEVEL READ COMMITTED`
	sqlLock     = `SELECT last FROM sequence FOR UPDATE`
	sqlSaveLast = `UPDATE sequence SET last = $1`
	sqlCommit   = `COMMIT`
	sqlRollback = `ROLLBACK`

	sqlInsert = `INSERT INTO results (seq, id, recipe, batch, idx, key, status, reason, error, attempts, value, "fetch", submitted, finished, host)
		SELECT seq, id, recipe, nullif(batch, 0), idx, key, status, reason, error, attempts, nullif(value, ''), nullif("fetch", ''), submitted, finished, host
		FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[],
			$11::text[], $12::text[], $13::bigint[], $14::bigint[], $15::text[])
			AS u (seq, id, recipe, batch, idx, key, status, reason, error, attempts, value, "fetch", submitted, finished, host)
		ON CONFLICT DO NOTHING RETURNING seq`
	sqlStored = `SELECT r.seq, coalesce(r.batch, 0), coalesce(b.name, ''), r.idx, ` + driver.ResultFacts + `
		FROM results r LEFT JOIN batches b ON b.num = r.batch WHERE r.id = ANY($1::text[])`
	sqlBorrow = `INSERT INTO borrowed (seq, batch, idx, result)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) ON CONFLICT DO NOTHING RETURNING seq`

	sqlBatchesByName = `SELECT ` + driver.BatchColumns + ` FROM batches WHERE name = ANY($1::text[])`
	sqlMakeBatches   = `INSERT INTO batches (name, recipe, state, cancel, announced, total, ok, failed, cancelled, created, updated, finished)
		SELECT name, '', 'open', false, 0, -1, 0, 0, 0, $2, $2, 0 FROM unnest($1::text[]) WITH ORDINALITY AS u (name, n) ORDER BY n
		RETURNING ` + driver.BatchColumns
	sqlUpdateBatches = `UPDATE batches SET recipe = u.recipe, state = u.state, cancel = u.cancel, announced = u.announced, total = u.total,
			ok = u.ok, failed = u.failed, cancelled = u.cancelled, finished = u.finished, updated = $11
		FROM unnest($1::bigint[], $2::text[], $3::text[], $4::boolean[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
			AS u (num, recipe, state, cancel, announced, total, ok, failed, cancelled, finished)
		WHERE batches.num = u.num`
	sqlIdle = `SELECT ` + driver.BatchColumns + ` FROM batches WHERE finished = 0 AND updated < $1 ORDER BY updated LIMIT $2`

	sqlAddCounts = `INSERT INTO counts (batch, recipe, status, reason, n)
		SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[])
		ON CONFLICT (batch, recipe, status, reason) DO UPDATE SET n = counts.n + excluded.n`

	sqlOldest = `SELECT ` + driver.AgedColumns + `
		FROM results r LEFT JOIN batches b ON b.num = r.batch WHERE (r.recipe, r.seq) > ($1, $2) AND r.recipe <= $1 ORDER BY r.recipe, r.seq LIMIT $3`
	sqlDeleteLoans   = `DELETE FROM borrowed WHERE result = ANY($1::bigint[])`
	sqlDeleteResults = `DELETE FROM results WHERE seq = ANY($1::bigint[])`

	sqlPutOutbox = `INSERT INTO outbox (subject, msg_id, type, data)
		SELECT subject, msg_id, type, data FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS u (subject, msg_id, type, data, n) ORDER BY n`
	sqlTakeDrain  = `SELECT turn FROM drain FOR UPDATE SKIP LOCKED`
	sqlDropOutbox = `DELETE FROM outbox WHERE id = ANY($1::bigint[])`
)

// Of readers.
const (
	// sqlReader is said once on each connection. All that is asked of them walks along an index; where statistics are missing, or
	// say that rows are few, the server would rather fetch all of them and sort. No query takes as long as it takes to compile it, or to start helpers.
	sqlReader = `SET default_transaction_read_only = on; SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
		SET enable_incremental_sort = off; SET jit = off; SET max_parallel_workers_per_gather = 0`

	sqlOutboxColumns = `SELECT id, subject, msg_id, type, data FROM outbox`
	sqlOutboxOrder   = ` ORDER BY id LIMIT $1`
	sqlOutbox        = sqlOutboxColumns + sqlOutboxOrder
	sqlBatchNum      = `SELECT num FROM batches WHERE name = $1`
	sqlBatches       = `SELECT ` + driver.BatchColumns + ` FROM batches WHERE num < $1 ORDER BY num DESC LIMIT $2`
	sqlBatchNamed    = `SELECT ` + driver.BatchColumns + ` FROM batches WHERE num < $1 AND name = $2 LIMIT $3`
	sqlCounts        = `SELECT recipe, status, reason, n FROM counts WHERE batch = $1 AND ($2 = '' OR recipe = $2) ORDER BY recipe, status, reason`
)

var dialect = driver.Dialect{Like: `ILIKE`}

// numbered turns the placeholders ? into those of PostgreSQL. The queries have no other question marks.
func numbered(text string) string {
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(text, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}
