package queries

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// maxErrorBytes is how much of a server's text an error has.
const maxErrorBytes = 500

// failed makes a verdict of an error. limited is ctx with the query's own limit.
func (q *query) failed(ctx, limited context.Context, err error) error {
	if f, ok := errors.AsType[*ops.Failure](err); ok {
		return &ops.Failure{Reason: f.Reason, Temporary: f.Temporary, Err: fmt.Errorf("query %s: %w", q.name, f.Err)}
	}
	say := func(text string) error { return fmt.Errorf("query %s on %s: %s", q.name, q.database.name, text) }
	text := q.database.text(err)
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return ops.Retry(events.ReasonTimeout, say("it did not end in the time of the step: "+text))
	case ctx.Err() != nil:
		return fmt.Errorf("query %s: %w", q.name, ctx.Err())
	case limited.Err() != nil:
		return ops.Retry(events.ReasonTimeout, say(fmt.Sprintf("it did not end within %s; the operator sets this with timeout in the catalogue", q.timeout)))
	}
	j, ok := q.database.dialect.judge(err)
	if !ok {
		if j, ok = judgeConnection(err); !ok {
			j = refused
		}
	}
	return &ops.Failure{Reason: j.reason, Temporary: j.temporary, Err: say(text)}
}

// text is an error's text for whoever has sent the item: without secrets, and without the user that the fetcher is at the database.
func (d *database) text(err error) string {
	if e, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		err = e.Unwrap()
	}
	text := strings.ToValidUTF8(d.secrets.Replace(err.Error()), "\ufffd")
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxErrorBytes {
		end := maxErrorBytes
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + "…"
	}
	return text
}
