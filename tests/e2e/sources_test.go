package e2e

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/fetchmill/fetchmill/pkg/events"
)

const catalogue = `databases:
  shop:
    driver: sqlite
    dsn: ${SHOP_FILE}
queries:
  orders-of:
    database: shop
    sql: select id, total from orders where customer = :customer order by id
    params:
      customer: {type: integer, required: true}
`

// TestSources is about the files and databases that an operator lets recipes use.
func TestSources(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.Mkdir(at("in"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(at("in"), "report.txt"), []byte("text"), 0o600))
	require.NoError(t, os.WriteFile(at("secret"), []byte("secret"), 0o600))
	require.NoError(t, os.Symlink(at("secret"), filepath.Join(at("in"), "link")))
	require.NoError(t, os.WriteFile(at("queries.yaml"), []byte(catalogue), 0o600))
	db, err := sql.Open("sqlite", at("shop.db"))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "create table orders (id integer, customer integer, total numeric); insert into orders values (1, 42, 9.5), (2, 43, 1), (3, 42, 7)")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	t.Setenv("SHOP_FILE", "shop.db")

	m := up(t, t.TempDir(), "--read-root", "in="+at("in"), "--queries", at("queries.yaml"))
	t.Run("the banner shows them", func(t *testing.T) {
		require.Equal(t, "in="+at("in")+" (read)", m.process.Find(`(?m)^ *files +(.*)$`))
		require.Equal(t, "orders-of on shop (sqlite)", m.process.Find(`(?m)^ *queries +(.*)$`))
	})
	t.Run("a file is read and hashed", func(t *testing.T) {
		m.pub(t, "work.file", "report.txt")
		r := m.result(t, "file", "report.txt")
		require.Equal(t, events.StatusOK, r.Status, r.Error)
		sum := sha256.Sum256([]byte("text"))
		require.Contains(t, string(r.Value), hex.EncodeToString(sum[:]))
		require.EqualValues(t, 4, r.Fetch.Bytes)
	})
	t.Run("files beyond the folder stay closed", func(t *testing.T) {
		for path, reason := range map[string]events.Reason{
			"../secret": events.ReasonForbiddenTarget, at("secret"): events.ReasonForbiddenTarget, "link": events.ReasonForbiddenTarget, "nothing": events.ReasonNotFound,
		} {
			m.pub(t, "work.file", path)
			r := m.result(t, "file", path)
			require.Equal(t, []any{events.StatusFailed, reason}, []any{r.Status, r.Reason}, r.Error)
		}
	})
	t.Run("a query of the catalogue is asked", func(t *testing.T) {
		m.pub(t, "work.query", `{"query":"orders-of","params":{"customer":42}}`)
		r := m.result(t, "query", "orders-of")
		require.Equal(t, events.StatusOK, r.Status, r.Error)
		var value struct {
			Columns []string
			Rows    []map[string]float64
		}
		require.NoError(t, json.Unmarshal(r.Value, &value))
		require.Equal(t, []string{"id", "total"}, value.Columns)
		require.Equal(t, []map[string]float64{{"id": 1, "total": 9.5}, {"id": 3, "total": 7}}, value.Rows)
	})
	t.Run("a query that is none of the catalogue is refused", func(t *testing.T) {
		m.pub(t, "work.query", "select * from orders")
		r := m.result(t, "query", "select * from orders")
		require.Equal(t, []any{events.StatusFailed, events.ReasonInvalidParameter}, []any{r.Status, r.Reason})
		require.Contains(t, r.Error, "there are orders-of")
	})
	t.Run("a catalogue with faults ends the start with all of them", func(t *testing.T) {
		require.NoError(t, os.WriteFile(at("broken.yaml"), []byte("databases:\n  d: {driver: x}\nqueries:\n  q: {database: e}\n"), 0o600))
		r := m.run(t, "fetcher", "--queries", at("broken.yaml"), "--read-root", "in="+at("in"))
		require.Equal(t, 1, r.status)
		require.Contains(t, r.stderr, `line 2: database d: driver "x"`)
		require.Contains(t, r.stderr, `line 4: query q: database "e"`)
	})
}
