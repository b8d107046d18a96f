package docs_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/services/fetcher/queries"
	"github.com/fetchmill/fetchmill/tests/internal/natscli"
)

// up runs what `fetchmill up` runs, on free ports; recipes may reach the networks.
func up(t *testing.T, networks ...string) *app.App {
	t.Helper()
	cfg := app.Default()
	cfg.AllowNet = networks
	cfg.Dir, cfg.HTTPAddr, cfg.Broker.Addr = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0"
	a, err := app.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	intake, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(intake, context.Background()) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	return a
}

// tools makes a folder with the commands that the documents use, by their names.
func tools(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "fetchmill"), "../../cmd/fetchmill").CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, os.Symlink(natscli.Build(t), filepath.Join(dir, "nats")))
	return dir
}

// testable are the blocks of a document that can be run as they are. They are preceded by a fence "```sh testable".
var testable = regexp.MustCompile("(?s)```sh testable\n(.*?)```")

func TestCommandsInTheDocumentsWork(t *testing.T) {
	bin := tools(t)
	for _, name := range []string{"README.md", "docs/http-api.md", "docs/events.md", "docs/operating.md", "docs/ops.md", "docs/reduce.md"} {
		t.Run(name, func(t *testing.T) {
			page, err := os.ReadFile("../../" + name)
			require.NoError(t, err)
			blocks := testable.FindAllStringSubmatch(string(page), -1)
			require.NotEmpty(t, blocks)
			a, work := up(t), t.TempDir()
			env := append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "NATS_URL="+a.NATSURL(), "XDG_CONFIG_HOME="+work, "HOME="+work)
			for _, block := range blocks {
				script := strings.NewReplacer(
					"http://127.0.0.1:8080", a.HTTPURL(),
					"curl ", "curl --silent --show-error --fail-with-body ",
				).Replace(block[1])
				cmd := exec.CommandContext(t.Context(), "bash", "-euxo", "pipefail", "-c", script)
				cmd.Dir, cmd.Env = work, env
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, string(out))
			}
		})
	}
}

func TestMetricsInTheDocumentsAreThoseThatThereAre(t *testing.T) {
	resp, err := http.Get(up(t).HTTPURL() + "/metrics")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	metrics, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	page, err := os.ReadFile("../../docs/operating.md")
	require.NoError(t, err)

	there := names(regexp.MustCompile(`(?m)^# TYPE (fetchmill_\w+) `), metrics)
	require.NotEmpty(t, there)
	require.Equal(t, there, names(regexp.MustCompile("(?m)^\\| `(fetchmill_\\w+)` "), page))
}

func TestTheCatalogueInTheDocumentsIsValid(t *testing.T) {
	page, err := os.ReadFile("../../docs/ops.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```yaml\n(databases:.*?)```").FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		c, err := queries.Parse([]byte(block[1]), t.TempDir(), func(string) (string, bool) { return "value", true })
		require.NoError(t, err)
		require.NoError(t, c.Close())
	}
}

// names are the different first groups of all matches, sorted.
func names(pattern *regexp.Regexp, text []byte) []string {
	var list []string
	for _, m := range pattern.FindAllSubmatch(text, -1) {
		list = append(list, string(m[1]))
	}
	slices.Sort(list)
	return slices.Compact(list)
}
