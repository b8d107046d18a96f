package queries

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const shop = `databases:
  shop:
    driver: sqlite
    dsn: shop.db
`

func noVariables(string) (string, bool) { return "", false }

func TestParseRefusesWithTheLineAndWhatToWrite(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"nothing":                    {"", "it is empty"},
		"two documents":              {"queries: {}\n---\n", "more than one document"},
		"an unknown field":           {"tables: {}\n", "line 1: field tables not found"},
		"no query":                   {shop, "there is no query"},
		"a wrong type":               {"queries:\n  q: [1]\n", "line 2: cannot unmarshal"},
		"an unknown driver":          {"databases:\n  d: {driver: oracle, dsn: x}\n", `line 2: database d: driver "oracle": use one of sqlite, postgres, mysql`},
		"no dsn":                     {"databases:\n  d:\n    driver: sqlite\n", "line 2: database d: dsn is missing"},
		"a variable that is not set": {"databases:\n  d:\n    driver: sqlite\n    dsn: ${NOWHERE}/x\n", "line 4: database d: the variable NOWHERE is not set"},
		"an open variable":           {"databases:\n  d:\n    driver: sqlite\n    dsn: ${x\n", "write $${ for"},
		"a dsn of no form":           {"databases:\n  d:\n    driver: mysql\n    dsn: 'secret@@x'\n", "line 4: database d: dsn is none of MySQL"},
		"a URL of no form":           {"databases:\n  d:\n    driver: postgres\n    dsn: 'postgres://secret:%zz@x'\n", "line 4: database d: dsn is none of PostgreSQL"},
		"a database in memory":       {"databases:\n  d:\n    driver: sqlite\n    dsn: ':memory:'\n", "the path of its file"},
		"a password for SQLite":      {"databases:\n  d:\n    driver: sqlite\n    dsn: x\n    password: y\n", "leave password out"},
		"no connections":             {"databases:\n  d:\n    driver: sqlite\n    dsn: x\n    max_connections: 0\n", "line 5: database d: max_connections 0"},
		"a bad name of a database":   {"databases:\n  D!:\n    driver: sqlite\n    dsn: x\n", "line 2: database D!: invalid name"},
		"a bad name of a query":      {shop + "queries:\n  Q:\n    database: shop\n    sql: select 1\n", "line 6: query Q: invalid name"},
		"no such database":           {shop + "queries:\n  q:\n    database: shap\n    sql: select 1\n", `line 7: query q: database "shap"`},
		"no SQL":                     {shop + "queries:\n  q:\n    database: shop\n", "line 6: query q: sql: there is no statement"},
		"SQL that writes":            {shop + "queries:\n  q:\n    database: shop\n    sql: drop table a\n", "line 8: query q: sql: it begins with"},
		"a parameter not described":  {shop + "queries:\n  q:\n    database: shop\n    sql: select :a\n", ":a stands for a parameter"},
		"a parameter not used":       {shop + "queries:\n  q:\n    database: shop\n    sql: select ':a'\n    params:\n      a: {type: text}\n", "parameter a is described, but :a is nowhere"},
		"a bad type":                 {shop + "queries:\n  q:\n    database: shop\n    sql: select :a\n    params:\n      a: {type: string}\n", `line 10: query q: parameter a: type "string": use one of`},
		"a bad name of a parameter":  {shop + "queries:\n  q:\n    database: shop\n    sql: select :A\n    params:\n      A: {type: text}\n", "line 10: query q: parameter A: use 1 to 64"},
		"a default of another type":  {shop + "queries:\n  q:\n    database: shop\n    sql: select :a\n    params:\n      a: {type: integer, default: x}\n", "default must be a whole number"},
		"a required default":         {shop + "queries:\n  q:\n    database: shop\n    sql: select :a\n    params:\n      a: {type: text, default: x, required: true}\n", "leave one of the two out"},
		"too many rows":              {shop + "queries:\n  q:\n    database: shop\n    sql: select 1\n    max_rows: 2000000\n", "line 9: query q: max_rows 2000000"},
		"too many bytes":             {shop + "queries:\n  q:\n    database: shop\n    sql: select 1\n    max_bytes: 1000000\n", "line 9: query q: max_bytes 1000000"},
		"a bad timeout":              {shop + "queries:\n  q:\n    database: shop\n    sql: select 1\n    timeout: 10\n", "line 9: query q: timeout \"10\""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(row.text), "/srv", noVariables)
			require.ErrorIs(t, err, ErrCatalogue)
			require.ErrorContains(t, err, row.want)
			require.NotContains(t, err.Error(), "secret")
			require.NotContains(t, err.Error(), "ocument\n")
		})
	}
}

func TestParseJoinsAllFaultsInTheOrderOfTheFile(t *testing.T) {
	_, err := Parse([]byte("databases:\n  d: {driver: x, max_connections: -1}\nqueries:\n  b: {database: d, timeout: x}\n  a: {database: e}\n"), "/srv", noVariables)
	require.ErrorIs(t, err, ErrCatalogue)
	var at []int
	for _, text := range []string{"max_connections -1", `driver "x"`, `query b: timeout "x"`, `query a: database "e"`} {
		require.ErrorContains(t, err, text)
		at = append(at, strings.Index(err.Error(), text))
	}
	require.Less(t, at[1], at[2])
	require.Less(t, at[2], at[3])
}

func TestLoadReadsAFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "queries.yaml")
	require.NoError(t, os.WriteFile(file, []byte(shop+`  other:
    driver: postgres
    dsn: postgres://reader@${HOST_OF_IT}/x
    password: ${PASSWORD_OF_IT}
queries:
  b: {database: shop, sql: select 1}
  a: {database: shop, sql: select 2}
  c: {database: other, sql: select 3}
`), 0o600))
	t.Setenv("HOST_OF_IT", "db.example.com")
	t.Setenv("PASSWORD_OF_IT", "p@ss/w:rd")
	c, err := Load(file)
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, "b, a on shop (sqlite); c on other (postgres)", c.String())

	_, err = Load(filepath.Join(dir, "nothing"))
	require.ErrorIs(t, err, ErrCatalogue)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(file, make([]byte, maxFileBytes+1), 0o600))
	_, err = Load(file)
	require.ErrorContains(t, err, "at most")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(shop + "queries:\n  q: {database: shop, sql: 'select :a', params: {a: {type: integer, default: 1}}, timeout: 1s, max_rows: 5}\n"))
	f.Add([]byte("databases:\n  d: {driver: postgres, dsn: 'host=x user=y', password: ${P}}\n"))
	f.Add([]byte("databases:\n  d: {driver: mysql, dsn: 'u:p@tcp(h)/d'}\nqueries: {q: {database: d, sql: table x}}\n"))
	f.Add([]byte("databases: &a {x: *a}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data, "/srv", func(string) (string, bool) { return "value", true })
		if err != nil {
			require.ErrorIs(t, err, ErrCatalogue)
			return
		}
		require.NotEmpty(t, c.names)
		for _, name := range c.names {
			require.NotNil(t, c.queries[name].database.pool)
			require.NotEmpty(t, c.queries[name].statement.sql)
		}
		require.NotEmpty(t, c.String())
		require.NoError(t, c.Close())
	})
}
