package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/site"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// forge is an API that wants a token: it lists 95 repositories of a user on 10 pages, takes in new ones, and has a document with a version.
func forge(token string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{user}/repos", func(w http.ResponseWriter, r *http.Request) {
		page := 1
		if p := r.URL.Query().Get("page"); p != "" {
			page, _ = strconv.Atoi(p)
		}
		var list []map[string]string
		for i := (page - 1) * 10; i < min(95, page*10); i++ {
			list = append(list, map[string]string{"name": fmt.Sprintf("%s-%d", r.PathValue("user"), i+1)})
		}
		if page < 10 {
			w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?page=%d>; rel="next", <x?page=10>; rel="last"`, r.Host, r.URL.Path, page+1))
		}
		_ = json.NewEncoder(w).Encode(list)
	})
	mux.HandleFunc("POST /repos", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{"got": string(body), "type": r.Header.Get("Content-Type"), "key": r.Header.Get("Idempotency-Key")})
	})
	mux.HandleFunc("DELETE /repos/{name}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /document", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, `{"version":1}`)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// TestAPI is about APIs with credentials, bodies, pages and versions.
func TestAPI(t *testing.T) {
	const token = "t0ken-of-the-test"
	api := newSiteOf(t, forge(token))
	u, err := url.Parse(api)
	require.NoError(t, err)
	dir := t.TempDir()
	file := filepath.Join(dir, "credentials.yaml")
	require.NoError(t, os.WriteFile(file, []byte("forge:\n  bearer: ${FORGE_TOKEN}\n  hosts: ['"+u.Host+"']\n  http: true\n"), 0o600))
	t.Setenv("FORGE_TOKEN", token)
	m := up(t, filepath.Join(dir, "data"), append([]string{"--credentials", file}, local...)...)

	run := func(t *testing.T, status int, recipe string, params map[string]any) events.Result {
		t.Helper()
		raw, err := json.Marshal(params)
		require.NoError(t, err)
		r := m.run(t, "run", recipe, string(raw))
		require.Equal(t, status, r.status, r.both())
		var result events.Result
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &result), r.both())
		return result
	}
	t.Run("all pages of a user's repositories become one list", func(t *testing.T) {
		r := run(t, 0, "pages", map[string]any{"url": api + "/users/ada/repos", "auth": "forge", "select": "map(.name)"})
		var names []string
		require.NoError(t, json.Unmarshal(r.Value, &names))
		require.Len(t, names, 95)
		require.Equal(t, []string{"ada-1", "ada-95"}, []string{names[0], names[94]})
	})
	t.Run("a body is sent, with a key that is the item's id", func(t *testing.T) {
		r := run(t, 0, "api", map[string]any{"url": api + "/repos", "method": "post", "auth": "forge", "json": map[string]any{"name": "new"}})
		require.JSONEq(t, `{"got":"{\"name\":\"new\"}","type":"application/json","key":"\"`+r.ID+`\""}`, string(r.Value))
		require.Equal(t, 201, r.Fetch.Status)
	})
	t.Run("an answer without a body is null", func(t *testing.T) {
		r := run(t, 0, "api", map[string]any{"url": api + "/repos/old", "method": "DELETE", "auth": "forge"})
		require.Equal(t, 204, r.Fetch.Status)
		require.Equal(t, "null", strings.TrimSpace(string(r.Value)))
	})
	t.Run("what has not changed is not sent again", func(t *testing.T) {
		for _, status := range []int{200, 304} {
			r := run(t, 0, "api", map[string]any{"url": api + "/document", "auth": "forge", "revalidate": true, "select": ".version"})
			require.Equal(t, "1", string(r.Value))
			require.Equal(t, status, r.Fetch.Status)
			require.Equal(t, status == 304, r.Fetch.NotModified)
		}
	})
	t.Run("a credential goes nowhere else", func(t *testing.T) {
		other := newSiteOf(t, site.New())
		r := run(t, 2, "api", map[string]any{"url": other + "/json/1", "auth": "forge"})
		require.Equal(t, events.ReasonForbiddenTarget, r.Reason)
		require.Contains(t, r.Error, "hosts does not name it")
		r = run(t, 2, "api", map[string]any{"url": other + "/json/1", "auth": "forget"})
		require.Equal(t, events.ReasonInvalidParameter, r.Reason)
		require.Contains(t, r.Error, "there are forge")
	})
	t.Run("the secret is nowhere to be read", func(t *testing.T) {
		require.Contains(t, m.process.Stderr(), "credentials forge")
		everything := m.process.Stdout() + m.process.Stderr() + m.ok(t, "results", "-o", "json") + m.ok(t, "dead", "ls", "-o", "json") + m.ok(t, "status", "-o", "json")
		require.NotContains(t, everything, token)
	})
}

// TestCredentialsFile is about a file that cannot be used.
func TestCredentialsFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "credentials.yaml")
	require.NoError(t, os.WriteFile(file, []byte("a:\n  bearer: ${NOT_SET_ANYWHERE}\n"), 0o600))
	r := new(mill).run(t, "up", "--data", filepath.Join(dir, "data"), "--nats-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0", "--credentials", file)
	require.Equal(t, 1, r.status)
	require.Contains(t, r.stderr, "line 1: credential a needs hosts")
	require.Contains(t, r.stderr, "line 2: bearer: the environment variable NOT_SET_ANYWHERE is not set")
}
