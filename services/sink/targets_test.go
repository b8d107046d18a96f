package sink

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const someTargets = `
targets:
  - {name: shop, url: "https://shop.example.com/", group: web}
  - {name: db, recipe: tcp, params: {address: "db.example.com:5432"}}
`

func targets(t testing.TB) (*Targets, *store.DB) {
	t.Helper()
	recipes, err := recipe.Builtins()
	require.NoError(t, err)
	db := openDB(t)
	return NewTargets(db, recipes, slog.New(slog.DiscardHandler)), db
}

func headers(of map[string]string) func(string) string {
	return func(name string) string { return of[name] }
}

func TestTargets(t *testing.T) {
	apply := func(t *testing.T, s *Targets, text string, of map[string]string) events.Applied {
		t.Helper()
		data, problem := s.Answer(t.Context(), "uptime.apply", headers(of), []byte(text))
		require.Nil(t, problem)
		var a events.Applied
		require.NoError(t, json.Unmarshal(data, &a))
		return a
	}
	t.Run("are applied and removed on request", func(t *testing.T) {
		s, db := targets(t)
		a := apply(t, s, someTargets, map[string]string{"dry-run": "true"})
		require.True(t, a.DryRun)
		require.Empty(t, mustWatched(t, db))
		require.Equal(t, 2, apply(t, s, someTargets, nil).Added)
		require.Equal(t, 2, apply(t, s, someTargets, map[string]string{"prune": "true", "dry-run": "false"}).Unchanged)
		require.Equal(t, 2, apply(t, s, "targets: []", nil).Kept)
		data, problem := s.Answer(t.Context(), "uptime.rm", headers(nil), []byte(`{"names":["db"]}`))
		require.Nil(t, problem)
		require.JSONEq(t, `{"added":0,"changed":0,"removed":1,"unchanged":1,"changes":[{"name":"db","action":"removed"}]}`, string(data))
		require.Equal(t, 1, apply(t, s, "targets: []", map[string]string{"prune": "true"}).Removed)
	})
	t.Run("may come compressed", func(t *testing.T) {
		s, _ := targets(t)
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := io.WriteString(z, someTargets)
		require.NoError(t, err)
		require.NoError(t, z.Close())
		require.Equal(t, 2, apply(t, s, b.String(), map[string]string{"content-encoding": "gzip"}).Added)
	})
	for name, row := range map[string]struct {
		subject, data string
		header        map[string]string
		status        int
		want          string
	}{
		"a bad document":           {"uptime.apply", "targets:\n  - {name: a b}\n", nil, 400, "targets: line 2: target a b"},
		"a bad condition":          {"uptime.apply", "targets:\n  - name: a\n    url: https://example.com/\n    conditions: [up]\n", nil, 400, "line 4: target a: condition 1"},
		"a recipe that is not":     {"uptime.apply", "targets:\n  - {name: a, recipe: uptme}\n", nil, 400, `did you mean "uptime"?`},
		"a header that is not":     {"uptime.apply", "targets: []", map[string]string{"prune": "yes"}, 400, `header prune is "yes": use true or false`},
		"an encoding that is not":  {"uptime.apply", "targets: []", map[string]string{"content-encoding": "br"}, 400, "use gzip"},
		"what is not compressed":   {"uptime.apply", "targets: []", map[string]string{"content-encoding": "gzip"}, 400, "not compressed with gzip"},
		"a target that is not":     {"uptime.rm", `{"names":["nobody"]}`, nil, 404, `there is no target "nobody"`},
		"no target at all":         {"uptime.rm", `{}`, nil, 400, "it names no target"},
		"a field that is not":      {"uptime.rm", `{"name":"a"}`, nil, 400, "use names"},
		"a name in place of names": {"uptime.rm", `{"names":"a"}`, nil, 400, "names must be a list"},
		"a subject that is not":    {"uptime.x", ``, nil, 404, "use uptime.apply or uptime.rm"},
	} {
		t.Run("refuse "+name, func(t *testing.T) {
			s, _ := targets(t)
			_, problem := s.Answer(t.Context(), row.subject, headers(row.header), []byte(row.data))
			require.NotNil(t, problem)
			require.Equal(t, row.status, problem.Status)
			require.Contains(t, problem.Detail, row.want)
		})
	}
}

func TestTargetsOverHTTP(t *testing.T) {
	s, db := targets(t)
	_, problem := s.Answer(t.Context(), "uptime.apply", headers(nil), []byte(someTargets))
	require.Nil(t, problem)
	mux := http.NewServeMux()
	NewQuery(db, slog.New(slog.DiscardHandler)).Register(mux)
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	for _, row := range []struct {
		path   string
		status int
		want   string
	}{
		{"/v1/targets", 200, `"name":"db"`},
		{"/v1/targets?group=web&state=new&limit=10", 200, `"name":"shop"`},
		{"/v1/targets?state=ill", 400, "use new, up, down or paused"},
		{"/v1/targets?colour=red", 400, "not known here"},
		{"/v1/targets/shop", 200, `"url":"https://shop.example.com/"`},
		{"/v1/targets/nobody", 404, "no such target"},
		{"/v1/targets/shop?x=1", 400, "no parameters"},
		{"/v1/incidents", 200, `{"incidents":[]}`},
		{"/v1/incidents?open=maybe", 400, "use true or false"},
	} {
		status, body := get(row.path)
		require.Equal(t, row.status, status, row.path)
		require.Contains(t, body, row.want, row.path)
	}
}
