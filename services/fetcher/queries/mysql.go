package queries

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
)

// mysqlDialect is of MySQL and MariaDB.
type mysqlDialect struct {
	variant *atomic.Int32 // which of the two, once it is known
}

const (
	variantMySQL = iota + 1
	variantMariaDB
)

// openMySQL takes USER@tcp(HOST:3306)/DATABASE.
func openMySQL(a address) (dialect, *sql.DB, []string, error) {
	cfg, err := mysql.ParseDSN(a.dsn)
	if err != nil { // whose text may have parts of a password
		return nil, nil, nil, errors.New("dsn is none of MySQL: write USER@tcp(HOST:3306)/DATABASE, and the password separately")
	}
	if a.password != "" {
		cfg.Passwd = a.password
	}
	if cfg.Params == nil {
		cfg.Params = make(map[string]string)
	}
	cfg.Params["time_zone"] = "'+00:00'" // a time without a zone is one of UTC, on the way in and out
	cfg.Loc, cfg.ParseTime = time.UTC, false
	cfg.MultiStatements, cfg.InterpolateParams, cfg.AllowAllFiles = false, false, false
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	cfg.Logger = &mysql.NopLogger{} // errors are returned, too
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, nil, nil, errors.New("dsn has settings that exclude each other")
	}
	return mysqlDialect{new(atomic.Int32)}, sql.OpenDB(connector), []string{cfg.Passwd}, nil
}

func (mysqlDialect) name() string { return "mysql" }

func (mysqlDialect) syntax() syntax {
	return syntax{backslash: true, hash: true, foreign: "?", repeated: true, mark: func(int) string { return "?" }}
}

func (mysqlDialect) arg(v any) any {
	if n, ok := v.(number); ok {
		return n.numeric()
	}
	return v
}

// begin sets the limit for the session, for there is none for a transaction. It is set anew each time.
func (d mysqlDialect) begin(ctx context.Context, conn *sql.Conn, limit time.Duration) (*sql.Tx, error) {
	variant, err := d.which(ctx, conn)
	if err != nil {
		return nil, err
	}
	set := fmt.Sprintf("set session max_execution_time = %d", milliseconds(limit))
	if variant == variantMariaDB {
		set = fmt.Sprintf("set session max_statement_time = %.3f", float64(milliseconds(limit))/1000)
	}
	if _, err := conn.ExecContext(ctx, set); err != nil {
		return nil, err
	}
	return conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
}

func (d mysqlDialect) which(ctx context.Context, conn *sql.Conn) (int32, error) {
	if known := d.variant.Load(); known != 0 {
		return known, nil
	}
	var version string
	if err := conn.QueryRowContext(ctx, "select version()").Scan(&version); err != nil {
		return 0, err
	}
	variant := int32(variantMySQL)
	if strings.Contains(version, "MariaDB") {
		variant = variantMariaDB
	}
	d.variant.Store(variant)
	return variant, nil
}

func (mysqlDialect) kind(databaseType string) kind {
	switch databaseType {
	case "DECIMAL", "YEAR":
		return kindNumber
	case "FLOAT":
		return kindFloat32
	case "BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "BINARY", "VARBINARY", "GEOMETRY", "VECTOR":
		return kindBytes
	case "BIT":
		return kindBits
	case "JSON":
		return kindJSON
	case "DATE":
		return kindDate
	case "DATETIME", "TIMESTAMP":
		return kindTimestamp
	}
	if strings.HasSuffix(databaseType, "INT") {
		return kindNumber
	}
	return kindAuto
}

// Numbers of errors: https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html and
// https://mariadb.com/docs/server/reference/error-codes. From 1900 on the two differ.
var (
	mysqlDisconnected = []uint16{1040, 1041, 1042, 1043, 1047, 1053, 1077, 1079, 1129, 1135, 1152, 1153, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1927, 4031}
	mysqlTurnedAway   = []uint16{1044, 1045, 1049, 1130, 1251, 1524, 1698, 1820, 1862, 3118, 3955, 4151}
	mysqlTooSlow      = []uint16{1028, 1317, 1969, 3024}
	mysqlInTheWay     = []uint16{1020, 1021, 1037, 1038, 1105, 1180, 1205, 1213, 1412, 1613, 1614, 3572}
	mysqlBadValue     = []uint16{1292, 1366, 1525, 1411}
)

func (mysqlDialect) judge(err error) (judgement, bool) {
	if errors.Is(err, mysql.ErrInvalidConn) {
		return disconnected, true
	}
	e, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		return judgement{}, false
	}
	for _, group := range []struct {
		numbers []uint16
		judgement
	}{
		{mysqlDisconnected, disconnected}, {mysqlTurnedAway, turnedAway}, {mysqlTooSlow, tooSlow}, {mysqlInTheWay, inTheWay}, {mysqlBadValue, badValue},
	} {
		if slices.Contains(group.numbers, e.Number) {
			return group.judgement, true
		}
	}
	return refused, true
}
