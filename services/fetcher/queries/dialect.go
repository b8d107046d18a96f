package queries

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// dialect is what differs between databases.
type dialect interface {
	name() string
	syntax() syntax
	// arg turns a value of a parameter (string, int64, number, bool, time.Time or nil) into what the driver takes.
	arg(v any) any
	// begin begins a read-only transaction in which no statement takes longer than limit.
	begin(ctx context.Context, conn *sql.Conn, limit time.Duration) (*sql.Tx, error)
	// kind says how values of a type of the database are written in JSON.
	kind(databaseType string) kind
	// judge classifies the server's errors. ok is false if it is none of them.
	judge(err error) (j judgement, ok bool)
}

// address is what a catalogue says about where a database is, with the variables filled in.
type address struct {
	dsn, password string
	folder        string // of the catalogue
}

// dialects opens databases by the name of their driver, without connecting. Secrets are parts of the address that no text may show. Errors
// say nothing of the address.
var dialects = map[string]func(address) (d dialect, pool *sql.DB, secrets []string, err error){
	"sqlite": openSQLite, "postgres": openPostgres, "mysql": openMySQL,
}

// judgement is a verdict in the making.
type judgement struct {
	reason    events.Reason
	temporary bool
}

var (
	disconnected = judgement{events.ReasonConnect, true}           // no connection, or none to spare
	turnedAway   = judgement{events.ReasonConnect, false}          // wrong user, password or database
	tooSlow      = judgement{events.ReasonTimeout, true}           // the server has ended it
	inTheWay     = judgement{events.ReasonQuery, true}             // locks, deadlocks, lack of memory
	refused      = judgement{events.ReasonQuery, false}            // wrong syntax, no right, not read-only
	badValue     = judgement{events.ReasonInvalidParameter, false} // the value of a parameter is none of its column's type
)

// judgeConnection classifies what is wrong with a connection, in the same way for all databases.
func judgeConnection(err error) (judgement, bool) {
	if _, ok := errors.AsType[net.Error](err); ok {
		return disconnected, true
	}
	for _, broken := range []error{driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, broken) {
			return disconnected, true
		}
	}
	return judgement{}, false
}
