package credentials

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func environment(name string) (string, bool) {
	value, ok := map[string]string{"TOKEN": "s3cr3t", "EMPTY": "", "BROKEN": "s3cr3t\n"}[name]
	return value, ok
}

const good = `
github:
  bearer: ${TOKEN}
  hosts: [api.github.com]
intranet:
  basic: {user: reader, password: "pw-${TOKEN}-$5"}
  hosts: ["*.example.com", "[::1]:8443"]
old:
  header: {name: x-api-key, value: 12345}
  hosts: [old.example.com:8080]
  http: true
`

func at(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u
}

func TestParse_reads_all_kinds(t *testing.T) {
	set, err := Parse([]byte(good), secret.Source{Getenv: environment})
	require.NoError(t, err)
	require.Equal(t, []string{"github", "intranet", "old"}, set.Names())
	for name, want := range map[string][3]string{
		"github":   {"https://api.github.com/repos", "Authorization", "Bearer s3cr3t"},
		"intranet": {"https://a.example.com/", "Authorization", "Basic cmVhZGVyOnB3LXMzY3IzdC0kNQ=="},
		"old":      {"http://old.example.com:8080/", "X-Api-Key", "12345"},
	} {
		c, err := set.Find(name)
		require.NoError(t, err)
		value, ok := c.For(at(t, want[0]))
		require.True(t, ok)
		require.Equal(t, want[1], c.Field())
		require.Equal(t, want[2], value)
	}
}

func TestCredential_goes_only_where_it_may(t *testing.T) {
	for _, c := range []struct {
		host, url string
		plain, ok bool
	}{
		{"api.github.com", "https://api.github.com/x", false, true},
		{"api.github.com", "https://API.GitHub.com:443/", false, true},
		{"api.github.com", "https://api.github.com./", false, true},
		{"API.github.com", "https://api.github.com/", false, true},
		{"api.github.com", "http://api.github.com/", false, false},
		{"api.github.com", "http://api.github.com/", true, true},
		{"api.github.com", "https://api.github.com:8443/", false, false},
		{"api.github.com", "https://github.com/", false, false},
		{"api.github.com", "https://api.github.com.evil.com/", false, false},
		{"api.github.com", "https://xapi.github.com/", false, false},
		{"api.github.com:443", "https://api.github.com/", false, true},
		{"api.github.com:80", "https://api.github.com/", true, false},
		{"api.github.com:8443", "https://api.github.com:8443/", false, true},
		{"api.github.com:8443", "https://api.github.com/", false, false},
		{"*.example.com", "https://a.b.example.com/", false, true},
		{"*.example.com", "https://example.com/", false, false},
		{"*.example.com", "https://badexample.com/", false, false},
		{"*.example.com:8080", "http://a.example.com:8080/", true, true},
		{"bücher.example", "https://xn--bcher-kva.example/", false, true},
		{"xn--bcher-kva.example", "https://BÜCHER.example/", false, true},
		{"127.0.0.1:99", "http://127.0.0.1:99/", true, true},
		{"[::1]", "https://[0:0::1]/", false, true},
		{"[::1]:8443", "https://[::1]:8443/", false, true},
	} {
		p, err := parsePattern(c.host)
		require.NoError(t, err, c.host)
		cred := newCredential("c", "Authorization", secret.New("s3cr3t"), []pattern{p}, c.plain)
		value, ok := cred.For(at(t, c.url))
		require.Equal(t, c.ok, ok, c)
		require.Equal(t, ok, value != "")
		if !ok {
			err := cred.Refusal(at(t, c.url))
			require.Equal(t, events.ReasonForbiddenTarget, ops.AsFailure(err).Reason)
			require.NotContains(t, err.Error(), "s3cr3t")
		}
	}
	for _, host := range []string{"", "*", "*.com", "*.", "a.*", "*a.example.com", "a b", "a:b", "a:", ":80", "https://a.com", "a.com/x", "*.10.0.0.1", "u@a.com", "a,b"} {
		_, err := parsePattern(host)
		require.Error(t, err, host)
	}
}

func TestParse_tells_all_faults_with_their_lines_and_no_secret(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"several": {"a:\n  bearer: ${NONE}\n  hosts: [s3cr3t/]\nb:\n  basic: s3cr3t\n", []string{
			"line 2: bearer: the environment variable NONE is not set", "line 3: hosts: write a host", "line 4: credential b needs hosts", "line 5: basic must have keys",
		}},
		"two kinds":              {"a: {bearer: s3cr3t, basic: {user: u, password: s3cr3t}, hosts: [a.b]}", []string{"line 1: credential a needs one of"}},
		"no kind":                {"a: {hosts: [a.b]}", []string{"needs one of bearer"}},
		"no hosts":               {"a: {bearer: s3cr3t, hosts: []}", []string{"at least one host"}},
		"an unknown key":         {"a:\n  s3cr3t: x\n  bearer: x\n  hosts: [a.b]", []string{"line 2: credential a has a key that is not known"}},
		"a bad name":             {"s3cr3t!: {}", []string{"line 1: the name of a credential"}},
		"a key twice":            {"a: {bearer: s3cr3t, bearer: x, hosts: [a.b]}", []string{"a key twice"}},
		"an alias as password":   {"a: {bearer: *s3cr3t, hosts: [a.b]}", []string{"is not YAML"}},
		"an alias":               {"x: &x {bearer: s3cr3t, hosts: [a.b]}\na: *x", []string{"line 2: write it out"}},
		"a list":                 {"- s3cr3t", []string{"the file must have keys"}},
		"a text":                 {"s3cr3t", []string{"the file must have keys"}},
		"no YAML":                {"a: [s3cr3t", []string{"this is not YAML"}},
		"two documents":          {"a: {bearer: s3cr3t, hosts: [a.b]}\n---\nb: {}", []string{"more than one document"}},
		"an empty variable":      {"a: {bearer: '${EMPTY}', hosts: [a.b]}", []string{"EMPTY is not set", "bearer: it is empty"}},
		"a secret as variable":   {"a: {bearer: '${s3cr3t}', hosts: [a.b]}", []string{"that it names is not set"}},
		"an open brace":          {"a: {bearer: '${s3cr3t', hosts: [a.b]}", []string{"does not end"}},
		"a line break at an end": {"a: {bearer: '${BROKEN}', hosts: [a.b]}", []string{"a line break at its end"}},
		"a null":                 {"a: {bearer: , hosts: [a.b]}", []string{"bearer must be a text"}},
		"a header that is not":   {"a: {header: {name: Host, value: s3cr3t}, hosts: [a.b]}", []string{"that requests may have"}},
		"half a header":          {"a: {header: {value: s3cr3t}, hosts: [a.b]}", []string{"needs name and value"}},
		"a user with a colon":    {"a: {basic: {user: 's3cr3t:', password: s3cr3t}, hosts: [a.b]}", []string{"colon"}},
		"http that is text":      {"a: {bearer: s3cr3t, hosts: [a.b], http: s3cr3t}", []string{"true or false"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.text), secret.Source{Getenv: environment})
			require.ErrorIs(t, err, ErrFile)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "s3cr3t")
		})
	}
	for _, empty := range []string{"", "# nothing\n", "---\n", "null"} {
		set, err := Parse([]byte(empty), secret.Source{Getenv: environment})
		require.NoError(t, err)
		require.Empty(t, set.Names())
	}
}

func TestFind_names_what_there_is(t *testing.T) {
	set, err := Parse([]byte(good), secret.Source{Getenv: environment})
	require.NoError(t, err)
	_, err = set.Find("gitlab")
	require.ErrorContains(t, err, "github, intranet, old")
	require.Equal(t, events.ReasonInvalidParameter, ops.AsFailure(err).Reason)
	_, err = (*Set)(nil).Find("gitlab")
	require.ErrorContains(t, err, "--credentials FILE")
}

func TestSecrets_are_not_printed(t *testing.T) {
	set, err := Parse([]byte(good), secret.Source{Getenv: environment})
	require.NoError(t, err)
	c, err := set.Find("github")
	require.NoError(t, err)
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "secret", c.value, "credential", c, "set", set)
	raw, err := json.Marshal([]any{c.value, c, set})
	require.NoError(t, err)
	all := out.String() + string(raw)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		all += fmt.Sprintf(format, c.value) + fmt.Sprintf(format, c) + fmt.Sprintf(format, []any{c.value})
	}
	require.NotContains(t, all, "s3cr3t")
	require.Contains(t, all, "[redacted]")
}

func TestLoad(t *testing.T) {
	t.Setenv("TOKEN", "s3cr3t")
	path := filepath.Join(t.TempDir(), "credentials.yaml")
	require.NoError(t, os.WriteFile(path, []byte(good), 0o600))
	load := func() (*Set, string, error) {
		var log bytes.Buffer
		set, err := Load(path, slog.New(slog.NewTextHandler(&log, nil)))
		return set, log.String(), err
	}
	t.Run("reads the file", func(t *testing.T) {
		set, log, err := load()
		require.NoError(t, err)
		require.Len(t, set.Names(), 3)
		require.Empty(t, log)
	})
	t.Run("warns if everybody can read it", func(t *testing.T) {
		require.NoError(t, os.Chmod(path, 0o644))
		_, log, err := load()
		require.NoError(t, err)
		require.Contains(t, log, "chmod o-r")
	})
	t.Run("names the file in errors", func(t *testing.T) {
		require.NoError(t, os.WriteFile(path, []byte("a: 1"), 0o600))
		_, _, err := load()
		require.ErrorContains(t, err, path)
		_, err = Load(path+".none", slog.New(slog.DiscardHandler))
		require.ErrorIs(t, err, os.ErrNotExist)
	})
	t.Run("gives none without a path", func(t *testing.T) {
		set, err := Load("", nil)
		require.NoError(t, err)
		require.Empty(t, set.Names())
	})
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	for _, s := range []string{"a: {bearer: *x, hosts: [a.b]}", "a: &a {<<: *a}", "a:\n  hosts: ['*.x.y:1']\n  header: {name: X, value: ${TOKEN}${}}", "? [a]\n: b", "\xff", "a: !!binary x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := Parse([]byte(text), secret.Source{Getenv: environment})
		if err != nil {
			require.ErrorIs(t, err, ErrFile)
			require.NotContains(t, err.Error(), "s3cr3t")
			return
		}
		for _, name := range set.Names() {
			c, err := set.Find(name)
			require.NoError(t, err)
			require.NotEmpty(t, c.hosts)
			require.NotEmpty(t, c.value.Reveal())
			require.NotEmpty(t, c.Field())
			_, ok := c.For(&url.URL{Scheme: "https", Host: "evil.invalid"})
			require.True(t, !ok || strings.Contains(text, "invalid"))
		}
	})
}
