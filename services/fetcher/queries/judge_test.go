package queries

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Errors that are hard to bring about are judged as the documents of the databases describe them.
func TestErrorsOfServersAreJudged(t *testing.T) {
	pg := func(code string) error { return &pgconn.PgError{Code: code, Message: "text"} }
	my := func(number uint16) error { return &mysql.MySQLError{Number: number, Message: "text"} }
	for _, row := range []struct {
		name      string
		dialect   dialect
		err       error
		reason    events.Reason
		temporary bool
	}{
		{"too many connections", postgresDialect{}, pg("53300"), events.ReasonConnect, true},
		{"the server shuts down", postgresDialect{}, pg("57P01"), events.ReasonConnect, true},
		{"the server starts", postgresDialect{}, pg("57P03"), events.ReasonConnect, true},
		{"connection failure", postgresDialect{}, pg("08006"), events.ReasonConnect, true},
		{"deadlock", postgresDialect{}, pg("40P01"), events.ReasonQuery, true},
		{"serialisation", postgresDialect{}, pg("40001"), events.ReasonQuery, true},
		{"I/O error", postgresDialect{}, pg("58030"), events.ReasonQuery, true},
		{"cancelled", postgresDialect{}, pg("57014"), events.ReasonTimeout, true},
		{"wrong password", postgresDialect{}, pg("28P01"), events.ReasonConnect, false},
		{"no right", postgresDialect{}, pg("42501"), events.ReasonQuery, false},
		{"not supported", postgresDialect{}, pg("0A000"), events.ReasonQuery, false},
		{"no code", postgresDialect{}, pg(""), events.ReasonQuery, false},
		{"too many connections", mysqlDialect{}, my(1040), events.ReasonConnect, true},
		{"the server shuts down", mysqlDialect{}, my(1053), events.ReasonConnect, true},
		{"deadlock", mysqlDialect{}, my(1213), events.ReasonQuery, true},
		{"lock wait", mysqlDialect{}, my(1205), events.ReasonQuery, true},
		{"time is up in MySQL", mysqlDialect{}, my(3024), events.ReasonTimeout, true},
		{"time is up in MariaDB", mysqlDialect{}, my(1969), events.ReasonTimeout, true},
		{"wrong password", mysqlDialect{}, my(1045), events.ReasonConnect, false},
		{"no right", mysqlDialect{}, my(1142), events.ReasonQuery, false},
		{"a broken connection", mysqlDialect{}, fmt.Errorf("x: %w", mysql.ErrInvalidConn), events.ReasonConnect, true},
	} {
		t.Run(row.dialect.name()+" "+row.name, func(t *testing.T) {
			j, ok := row.dialect.judge(row.err)
			require.True(t, ok)
			require.Equal(t, judgement{row.reason, row.temporary}, j)
		})
	}
	q := query{name: "q", database: &database{name: "d", dialect: postgresDialect{}, secrets: secret.Hide()}}
	for _, err := range []error{io.EOF, io.ErrUnexpectedEOF, driver.ErrBadConn, net.ErrClosed, &net.OpError{Op: "dial", Err: errors.New("refused")}} {
		ctx := context.Background()
		fails(t, q.failed(ctx, ctx, err), events.ReasonConnect, true)
		fails(t, q.failed(ctx, ctx, errors.New("something new")), events.ReasonQuery, false)
	}
}
