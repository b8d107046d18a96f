package fetcher

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/fetcher/queries"
)

func TestSQLQuery(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(dir, "shop.db"))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "create table orders (id integer, customer text); insert into orders values (1, 'a'), (2, 'b')")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	catalogue, err := queries.Parse([]byte(`
databases:
  shop: {driver: sqlite, dsn: shop.db}
queries:
  orders-of:
    database: shop
    sql: select id from orders where customer = :customer
    params:
      customer: {type: text, required: true}
`), dir, func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	defer func() { require.NoError(t, catalogue.Close()) }()
	n := network(t, func(c *NetConfig) { c.Queries = catalogue })

	t.Run("yields columns and rows", func(t *testing.T) {
		out, err := run(t.Context(), t, n, "sql.query", args{"query": "orders-of", "params": args{"customer": "b"}})
		require.NoError(t, err)
		require.JSONEq(t, `{"columns":["id"],"rows":[{"id":2}]}`, string(out.Value))
		require.Nil(t, out.Body)
		require.EqualValues(t, len(out.Value), out.Fetch.Bytes)
	})
	t.Run("refuses other arguments", func(t *testing.T) {
		for _, a := range []args{{"query": "orders-of", "sql": "select 1"}, {"query": "nothing"}, {"query": 1}, {"query": "orders-of", "params": []int{1}}} {
			_, err := run(t.Context(), t, n, "sql.query", a)
			fails(t, err, events.ReasonInvalidParameter, false)
		}
		_, err := run(t.Context(), t, n, "sql.query", args{"query": "orders-of"})
		fails(t, err, events.ReasonMissingParameter, false)
	})
	t.Run("a fetcher without a catalogue says how to get one", func(t *testing.T) {
		_, err := run(t.Context(), t, network(t), "sql.query", args{"query": "orders-of"})
		fails(t, err, events.ReasonForbiddenTarget, false)
		require.ErrorContains(t, err, "--queries")
	})
}
