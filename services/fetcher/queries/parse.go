package queries

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/internal/yamldoc"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// ErrCatalogue means that a file is not a valid catalogue. The text says what is wrong, and where.
var ErrCatalogue = errors.New("invalid catalogue of queries")

// maxFileBytes is how large a catalogue may be.
const maxFileBytes = 1 << 20

type catalogueDocument struct {
	Databases map[string]databaseDocument `yaml:"databases"`
	Queries   map[string]queryDocument    `yaml:"queries"`
}

type databaseDocument struct {
	Driver         string `yaml:"driver"`
	DSN            string `yaml:"dsn"`
	Password       string `yaml:"password"`
	MaxConnections *int   `yaml:"max_connections"`
}

type queryDocument struct {
	Database string                   `yaml:"database"`
	SQL      string                   `yaml:"sql"`
	Params   map[string]paramDocument `yaml:"params"`
	MaxRows  *int                     `yaml:"max_rows"`
	MaxBytes *int                     `yaml:"max_bytes"`
	Timeout  string                   `yaml:"timeout"`
}

type paramDocument struct {
	Type     Type `yaml:"type"`
	Required bool `yaml:"required"`
	Default  any  `yaml:"default"`
}

// Load reads a catalogue from a file and checks it, without asking any database. Variables come from the environment, and paths of
// SQLite files are relative to the catalogue's folder. It joins all faults; they wrap ErrCatalogue. Close the catalogue in the end.
func Load(path string) (*Catalogue, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxFileBytes {
		err = fmt.Errorf("it has %d bytes: at most %d are read", info.Size(), maxFileBytes)
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCatalogue, err)
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCatalogue, err)
	}
	return Parse(data, folder, os.LookupEnv)
}

// Parse is Load with the text of the file, its folder and a source of variables.
func Parse(data []byte, folder string, lookup func(string) (string, bool)) (*Catalogue, error) {
	var doc catalogueDocument
	at, err := yamldoc.Decode(data, &doc)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCatalogue, err)
	}
	p := parser{Position: at, folder: folder, lookup: lookup, databases: make(map[string]*database)}
	c := &Catalogue{queries: make(map[string]*query)}
	for _, name := range inOrder(at, doc.Databases, "databases") {
		d := p.database(name, doc.Databases[name])
		p.databases[name] = d
		c.databases = append(c.databases, d)
	}
	for _, name := range inOrder(at, doc.Queries, "queries") {
		c.queries[name] = p.query(name, doc.Queries[name])
		c.names = append(c.names, name)
	}
	if len(doc.Queries) == 0 {
		p.fault(errors.New("there is no query: write databases and queries"), "queries")
	}
	if len(p.faults) > 0 {
		slices.SortStableFunc(p.faults, func(a, b fault) int { return cmp.Compare(a.line, b.line) })
		errs := make([]error, len(p.faults))
		for i, f := range p.faults {
			errs[i] = f.err
		}
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrCatalogue, errors.Join(errs...)), c.Close())
	}
	return c, nil
}

type parser struct {
	yamldoc.Position
	folder    string
	lookup    func(string) (string, bool)
	databases map[string]*database
	faults    []fault
}

type fault struct {
	line int
	err  error
}

func (p *parser) fault(err error, path ...string) {
	p.faults = append(p.faults, fault{p.Line(path...), p.Wrap(err, path...)})
}

// inOrder returns the names of a mapping in the order of the file.
func inOrder[V any](at yamldoc.Position, m map[string]V, path ...string) []string {
	line := func(name string) int { return at.Line(append(path[:len(path):len(path)], name)...) }
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(line(a), line(b)), cmp.Compare(a, b))
	})
}

func (p *parser) database(name string, doc databaseDocument) *database {
	d := &database{name: name, secrets: strings.NewReplacer()}
	refuse := func(field string, err error) {
		p.fault(fmt.Errorf("database %.60s: %w", name, err), "databases", name, field)
	}
	if err := events.ValidName(name); err != nil {
		refuse("", err)
	}
	connections := valueOr(doc.MaxConnections, defaultConnections)
	if connections < 1 || connections > mostConnections {
		refuse("max_connections", fmt.Errorf("max_connections %d: write a number from 1 to %d", connections, mostConnections))
		connections = 1
	}
	d.slots = make(chan struct{}, connections)
	dsn, dsnErr := yamldoc.Expand(doc.DSN, p.lookup)
	if dsnErr != nil {
		refuse("dsn", dsnErr)
	}
	password, err := yamldoc.Expand(doc.Password, p.lookup)
	if err != nil {
		refuse("password", err)
	}
	open, ok := dialects[doc.Driver]
	switch {
	case !ok:
		refuse("driver", fmt.Errorf("driver %.40q: use one of sqlite, postgres, mysql", doc.Driver))
	case dsnErr != nil:
	case dsn == "":
		refuse("dsn", errors.New("dsn is missing: say where the database is"))
	default:
		var secrets []string
		if d.dialect, d.pool, secrets, err = open(address{dsn: dsn, password: password, folder: p.folder}); err != nil {
			refuse("dsn", err)
			break
		}
		d.secrets = secret.Hide(append(secrets, password)...)
		d.pool.SetMaxOpenConns(connections)
		d.pool.SetMaxIdleConns(connections)
		d.pool.SetConnMaxIdleTime(5 * time.Minute)
	}
	return d
}

func (p *parser) query(name string, doc queryDocument) *query {
	q := &query{name: name, maxRows: valueOr(doc.MaxRows, defaultRows), maxBytes: valueOr(doc.MaxBytes, defaultBytes), timeout: defaultTimeout}
	refuse := func(err error, field ...string) {
		p.fault(fmt.Errorf("query %.60s: %w", name, err), append([]string{"queries", name}, field...)...)
	}
	if err := events.ValidName(name); err != nil {
		refuse(err)
	}
	if q.maxRows < 1 || q.maxRows > mostRows {
		refuse(fmt.Errorf("max_rows %d: write a number from 1 to %d", q.maxRows, mostRows), "max_rows")
	}
	if q.maxBytes < 1 || q.maxBytes > mostBytes {
		refuse(fmt.Errorf("max_bytes %d: write a number from 1 to %d, for the rows travel in a message", q.maxBytes, mostBytes), "max_bytes")
	}
	if doc.Timeout != "" {
		var err error
		if q.timeout, err = time.ParseDuration(doc.Timeout); err != nil || q.timeout < time.Millisecond || q.timeout > mostTimeout {
			refuse(fmt.Errorf("timeout %.40q: write a duration from 1ms to %s, such as 10s", doc.Timeout, mostTimeout), "timeout")
		}
	}
	for _, param := range inOrder(p.Position, doc.Params, "queries", name, "params") {
		made, err := doc.Params[param].param(param)
		if err != nil {
			refuse(fmt.Errorf("parameter %.60s: %w", param, err), "params", param)
		}
		q.params = append(q.params, made)
	}
	d, ok := p.databases[doc.Database]
	if !ok {
		refuse(fmt.Errorf("database %.60q: there is none of this name under databases", doc.Database), "database")
		return q
	}
	q.database = d
	if d.dialect == nil {
		return q // its fault is known
	}
	var err error
	if q.statement, err = q.rewrite(doc.SQL); err != nil {
		refuse(fmt.Errorf("sql: %w", err), "sql")
	}
	return q
}

// rewrite reads the SQL of a query and checks that it has the parameters that are described, and no others.
func (q *query) rewrite(text string) (statement, error) {
	s, err := rewrite(text, q.database.dialect.syntax())
	if err != nil {
		return s, err
	}
	var faults []error
	for _, p := range q.params {
		if !slices.Contains(s.params, p.name) {
			faults = append(faults, fmt.Errorf("parameter %s is described, but :%s is nowhere", p.name, p.name))
		}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(s.params))) {
		if !slices.ContainsFunc(q.params, func(p param) bool { return p.name == name }) {
			faults = append(faults, fmt.Errorf(":%.60s stands for a parameter, but params describes none of this name", name))
		}
	}
	return s, errors.Join(faults...)
}

func valueOr(p *int, otherwise int) int {
	if p == nil {
		return otherwise
	}
	return *p
}
