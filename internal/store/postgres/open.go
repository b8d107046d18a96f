package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fetchmill/fetchmill/internal/store/driver"
)

// writers is how many connections a process has for transactions: two commits, of which one waits for the other, the outbox and upkeep.
const writers = 4

// Options tune a database.
type Options struct {
	ReadOnly bool
	Readers  int // connections that read at the same time
}

// DB is a database that other processes use, too.
type DB struct {
	name        string
	read, write *pgxpool.Pool // write is nil when read-only
	closed      atomic.Bool
}

// Open connects to the database at url, with all the parameters that pgx understands (TLS among them), and brings its schema up to date.
func Open(ctx context.Context, url string, opts Options) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", driver.ErrURL, faultOf(err))
	}
	db := &DB{name: nameOf(cfg)}
	if err := db.open(ctx, cfg, opts); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", db.name, err), db.Close())
	}
	return db, nil
}

// faultOf says what is wrong with a URL without repeating any of it, because it may have a password in any place.
func faultOf(err error) string {
	fault := "it cannot be read"
	if strings.Contains(err.Error(), "sslmode") {
		fault = "its sslmode is none of disable, allow, prefer, require, verify-ca and verify-full"
	}
	return fault + ": use postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full, with %XX for special characters in the password"
}

func nameOf(cfg *pgxpool.Config) string {
	c := cfg.ConnConfig
	if strings.HasPrefix(c.Host, "/") {
		return "postgres " + c.Host + "/" + c.Database
	}
	return "postgres " + net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) + "/" + c.Database
}

func (db *DB) open(ctx context.Context, cfg *pgxpool.Config, opts Options) error {
	if _, ok := cfg.ConnConfig.RuntimeParams["application_name"]; !ok {
		cfg.ConnConfig.RuntimeParams["application_name"] = "fetchmill"
	}
	if !opts.ReadOnly {
		if err := migrate(ctx, cfg.ConnConfig); err != nil {
			return err
		}
		var err error
		if db.write, err = pool(ctx, cfg, writers); err != nil {
			return err
		}
	}
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sqlReader)
		return err
	}
	var err error
	if db.read, err = pool(ctx, cfg, opts.Readers); err != nil {
		return err
	}
	if opts.ReadOnly {
		return checkVersion(ctx, cfg.ConnConfig, db.read)
	}
	return nil
}

func pool(ctx context.Context, cfg *pgxpool.Config, most int) (*pgxpool.Pool, error) {
	cfg = cfg.Copy()
	cfg.MaxConns, cfg.MinConns, cfg.MinIdleConns = int32(most), 0, 0
	return pgxpool.NewWithConfig(ctx, cfg)
}

// Close is driver.Database's.
func (db *DB) Close() error {
	db.closed.Store(true)
	for _, p := range []*pgxpool.Pool{db.read, db.write} {
		if p != nil {
			p.Close() // waits for what is running
		}
	}
	return nil
}

// Shared is driver.Database's.
func (*DB) Shared() bool { return true }

func (db *DB) String() string { return db.name }
