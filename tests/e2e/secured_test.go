package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/certificatestest"
	"github.com/fetchmill/fetchmill/internal/keys"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// TestSecured has broker and services know each other by certificates, beside the keys, and HTTP ask for a token.
func TestSecured(t *testing.T) {
	authority := certificatestest.New(t)
	cert, key := authority.Issue("broker")
	g := newGuard(t, fmt.Sprintf("tls {cert_file: %q, key_file: %q, ca_file: %q, verify: true}\n", cert, key, authority.File))
	shown := func(name string) []string {
		cert, key := authority.Issue(name)
		return []string{"NATS_CA=" + authority.File, "NATS_CERT=" + cert, "NATS_KEY=" + key}
	}
	as := func(name string) *mill { return g.user(name, shown(name)...) }
	token := filepath.Join(g.dir, keys.TokenFile)

	require.Contains(t, as("setup").ok(t, "setup"), "created")
	intake := as("ingest").service(t, "ingest", "--http-token-file", token)
	as("fetcher").service(t, "fetcher", local...)
	as("cruncher").service(t, "cruncher")
	queries := as("sink").service(t, "sink", "--db", filepath.Join(t.TempDir(), "results.db"), "--http-token-file", token)
	m := as("operator")
	m.connect(t, "sink", "cruncher", "fetcher", "ingest")

	t.Run("an item goes through all of it", func(t *testing.T) {
		s := newSite(t, nil)
		m.ok(t, "run", "page", s.URL+"/fast/1")
		require.Contains(t, as("client").ok(t, "run", "count", "1000"), `"status": "ok"`)
	})
	t.Run("who shows no certificate is not let in, and told why", func(t *testing.T) {
		r := g.user("client", "NATS_CA="+authority.File).run(t, "run", "count", "1")
		require.Equal(t, 1, r.status)
		require.Contains(t, r.stderr, "--tlscert")
	})
	t.Run("a certificate alone is not enough", func(t *testing.T) {
		r := (&mill{broker: g.url, as: &identity{more: shown("stranger")}}).run(t, "run", "count", "1")
		require.Equal(t, 1, r.status)
		require.Contains(t, r.stderr, "--nkey")
	})
	t.Run("HTTP asks for the token, and health does not", func(t *testing.T) {
		secret, err := os.ReadFile(token)
		require.NoError(t, err)
		for address, path := range map[string]string{intake: "/v1/work/count", queries: "/v1/results"} {
			method := map[bool]string{true: http.MethodPost, false: http.MethodGet}[address == intake]
			front := &mill{http: address}
			resp, _ := front.call(t, method, path, "5")
			require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
			require.Contains(t, resp.Header.Get("WWW-Authenticate"), "Bearer")
			resp, data := front.call(t, method, path, "5", "Authorization", "Bearer "+strings.TrimSpace(string(secret)))
			require.Less(t, resp.StatusCode, 300, string(data))
			for _, open := range []string{"/healthz", "/readyz", "/metrics"} {
				resp, _ := front.call(t, http.MethodGet, open, "")
				require.Equal(t, http.StatusOK, resp.StatusCode, open)
			}
		}
		require.Equal(t, events.StatusOK, m.result(t, "count", "5").Status)
	})
	t.Run("a service does not open itself to other machines by mistake", func(t *testing.T) {
		r := as("ingest").run(t, "ingest", "--http-addr", "0.0.0.0:0")
		require.Equal(t, 1, r.status)
		require.Contains(t, r.stderr, "--http-token-file")
	})
}
