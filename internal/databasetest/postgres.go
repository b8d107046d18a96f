package databasetest

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"strconv"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// PostgresUser may do everything in a server of StartPostgres. It has no password.
const PostgresUser = "postgres"

// StartPostgres starts a PostgreSQL with the database "postgres". Close it in the end.
func StartPostgres(ctx context.Context) (*Server, error) {
	program, err := find("postgres", "apt-get install postgresql, or .ci/run prepare", "/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return nil, err
	}
	s, err := newServer()
	if err != nil {
		return nil, err
	}
	initdb := filepath.Join(filepath.Dir(program), "initdb")
	err = s.prepare(ctx, initdb, "--pgdata", s.path("data"), "--username", PostgresUser, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	if err == nil {
		err = s.start(ctx, ready("pgx", s.PostgresDSN()), program, "-D", s.path("data"), "-k", s.dir,
			"-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=50", "-c", "lc_messages=C")
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// PostgresDSN is where the server is, for pgx.
func (s *Server) PostgresDSN() string {
	return "host=" + s.dir + " user=" + PostgresUser + " dbname=postgres sslmode=disable"
}

// ready asks a server for an answer.
func ready(driver, dsn string) func(context.Context) error {
	return func(ctx context.Context) error {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			return err
		}
		return errors.Join(db.PingContext(ctx), db.Close())
	}
}

// NewPostgresDatabase makes a new, empty database in the server and returns its URL.
func (s *Server) NewPostgresDatabase(ctx context.Context) (string, error) {
	name := "d" + strconv.FormatInt(s.databases.Add(1), 10)
	db, err := sql.Open("pgx", s.PostgresDSN())
	if err != nil {
		return "", err
	}
	_, err = db.ExecContext(ctx, "CREATE DATABASE "+name)
	where := url.URL{
		Scheme: "postgres", User: url.User(PostgresUser), Path: "/" + name,
		RawQuery: url.Values{"host": {s.dir}, "sslmode": {"disable"}}.Encode(),
	}
	return where.String(), errors.Join(err, db.Close())
}
