package databasetest

import (
	"context"
	"errors"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
)

// MariaDBUser may do everything in a server of StartMariaDB. It has no password.
const MariaDBUser = "root"

// StartMariaDB starts a MariaDB with the database "test". Close it in the end.
func StartMariaDB(ctx context.Context) (*Server, error) {
	const remedy = "apt-get install mariadb-server-core mariadb-client-core, or .ci/run prepare"
	program, err := find("mariadbd", remedy, "/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd", "/usr/libexec/mariadbd")
	if err != nil {
		return nil, err
	}
	install, err := find("mariadb-install-db", remedy, "/usr/bin/mariadb-install-db")
	if err != nil {
		return nil, err
	}
	s, err := newServer()
	if err != nil {
		return nil, err
	}
	err = s.prepare(ctx, install, "--no-defaults", "--datadir="+s.path("data"), "--auth-root-authentication-method=normal", "--skip-name-resolve")
	if err == nil {
		err = s.start(ctx, ready("mysql", s.MariaDBDSN()), program, "--no-defaults", "--datadir="+s.path("data"), "--socket="+s.path("s"), "--pid-file="+s.path("pid"),
			"--skip-networking", "--innodb-flush-log-at-trx-commit=0", "--innodb-fast-shutdown=2", "--innodb-buffer-pool-size=16M", "--skip-log-bin")
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// MariaDBDSN is where the server is, for go-sql-driver/mysql.
func (s *Server) MariaDBDSN() string { return MariaDBUser + "@unix(" + s.path("s") + ")/test" }
