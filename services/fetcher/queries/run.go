package queries

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Run asks a query of the catalogue with the parameters given and returns {"columns": […], "rows": [{…}, …]}. While it waits for a free
// connection it calls park first and what that returns afterwards.
func (c *Catalogue) Run(ctx context.Context, name string, params map[string]json.RawMessage, park func() (resume func())) (json.RawMessage, error) {
	q, err := c.find(name)
	if err != nil {
		return nil, err
	}
	args, err := q.bind(params)
	if err != nil {
		return nil, err
	}
	release, err := q.database.acquire(ctx, park)
	if err != nil {
		return nil, q.failed(ctx, ctx, err)
	}
	defer release()
	limited, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	value, err := q.ask(limited, args)
	if err != nil {
		return nil, q.failed(ctx, limited, err)
	}
	return value, nil
}

func (c *Catalogue) find(name string) (*query, error) {
	if c == nil {
		return nil, ops.Fail(events.ReasonForbiddenTarget, errors.New("this fetcher has no queries: its operator can name a catalogue with --queries FILE"))
	}
	if name == "" {
		return nil, ops.Fail(events.ReasonMissingParameter, fmt.Errorf("query is missing: there are %s", c.known()))
	}
	q, ok := c.queries[name]
	if !ok {
		return nil, ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("there is no query called %.60q: there are %s", name, c.known()))
	}
	return q, nil
}

// known lists queries for an error message.
func (c *Catalogue) known() string {
	const most = 20
	if len(c.names) > most {
		return strings.Join(c.names[:most], ", ") + ", …"
	}
	return strings.Join(c.names, ", ")
}

// acquire waits for a free connection.
func (d *database) acquire(ctx context.Context, park func() func()) (release func(), err error) {
	release = func() { <-d.slots }
	select {
	case d.slots <- struct{}{}:
		return release, nil
	default:
	}
	defer park()()
	select {
	case d.slots <- struct{}{}:
		return release, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for one of %d connections: %w", cap(d.slots), ctx.Err())
	}
}

// ask runs the statement in a transaction of its own, which is always rolled back: there is nothing to keep.
func (q *query) ask(ctx context.Context, args []any) (value json.RawMessage, err error) {
	conn, err := q.database.pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // it goes back to the pool, or is thrown away
	limit := q.timeout
	if deadline, ok := ctx.Deadline(); ok {
		limit = max(time.Until(deadline), time.Millisecond)
	}
	tx, err := q.database.dialect.begin(ctx, conn, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	rows, err := tx.QueryContext(ctx, q.statement.sql, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	return q.encode(rows)
}

// encode writes what a query yields.
func (q *query) encode(rows *sql.Rows) (json.RawMessage, error) {
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	keys, kinds, err := q.heads(columns)
	if err != nil {
		return nil, err
	}
	dst := []byte(`{"columns":[`)
	for i, key := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, key...)
	}
	dst = append(dst, `],"rows":[`...)
	values := make([]any, len(columns))
	places := make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	for n := 0; rows.Next(); n++ {
		if n == q.maxRows {
			return nil, ops.Fail(events.ReasonTooLarge, fmt.Errorf(
				"more than %d rows: ask for fewer, or let the operator raise max_rows of the query", q.maxRows))
		}
		if err := rows.Scan(places...); err != nil {
			return nil, err
		}
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		for i, v := range values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(append(dst, keys[i]...), ':')
			dst = appendValue(dst, kinds[i], v)
		}
		dst = append(dst, '}')
		if len(dst) > q.maxBytes {
			return nil, ops.Fail(events.ReasonTooLarge, fmt.Errorf(
				"the rows have more than %d bytes as JSON: ask for fewer rows or columns, or let the operator raise max_bytes of the query, up to %d", q.maxBytes, mostBytes))
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return append(dst, "]}"...), nil
}

// heads returns the names of the columns, encoded, and how their values are written.
func (q *query) heads(columns []*sql.ColumnType) (keys [][]byte, kinds []kind, err error) {
	seen := make(map[string]bool, len(columns))
	for _, c := range columns {
		name := c.Name()
		if seen[name] {
			return nil, nil, ops.Fail(events.ReasonQuery, fmt.Errorf("two columns are called %.60q: give each a name of its own with \"as\"", name))
		}
		seen[name] = true
		keys = append(keys, appendText(nil, name))
		kinds = append(kinds, q.database.dialect.kind(c.DatabaseTypeName()))
	}
	return keys, kinds, nil
}
