package arch

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThisModuleKeepsTheRules(t *testing.T) {
	pkgs, err := List(t.Context(), ".")
	require.NoError(t, err)
	require.NotEmpty(t, pkgs)
	found, err := Check(pkgs, countLines)
	require.NoError(t, err)
	for _, v := range found {
		t.Error(v)
	}
}

func TestCheck(t *testing.T) {
	const module = "github.com/fetchmill/fetchmill"
	edge := func(from, to string) Pkg {
		p := Pkg{ImportPath: module + "/" + from, Name: "some", Doc: "Package some is one.", Imports: []string{to}}
		p.Module.Path = module
		return p
	}
	short := func(*Pkg, string) (int, error) { return 1, nil }
	check := func(t *testing.T, p Pkg) []Violation {
		t.Helper()
		found, err := Check([]Pkg{p}, short)
		require.NoError(t, err)
		return found
	}

	for _, row := range []struct{ from, to, rule string }{
		{"pkg/events", "github.com/nats-io/nats.go", "pkg/events imports only the standard library"},
		{"pkg/events", module + "/pkg/ops", "pkg/events imports only the standard library"},
		{"pkg/ops", "github.com/nats-io/nats.go", "pkg/ops imports only the standard library and pkg/events"},
		{"pkg/ops", module + "/internal/stage", "pkg/ops imports only the standard library and pkg/events"},
		{"services/sink", module + "/services/ingest", "services never import each other"},
		{"services/sink/deep", module + "/services/ingest/deep", "services never import each other"},
		{"services/sink", module + "/internal/broker", "services never import the broker"},
		{"services/sink", module + "/internal/broker/brokertest", "services never import the broker"},
		{"internal/web", module + "/services/sink", "only app, cmd, bench and tests import services"},
		{"pkg/client", module + "/services/sink", "only app, cmd, bench and tests import services"},
		{"examples/own", module + "/services/fetcher", "only app, cmd, bench and tests import services"},
		{"services/sink", module + "/app", "only cmd, bench, examples and tests import app"},
		{"pkg/client", module + "/app", "only cmd, bench, examples and tests import app"},
		{"services/sink", module + "/cmd/fetchmill", "only cmd, bench and tests import cmd"},
		{"internal/host", module + "/cmd/fetchmill", "only cmd, bench and tests import cmd"},
		{"internal/host", module + "/tests/internal/natscli", "only cmd, bench and tests import tests and bench"},
		{"internal/host", module + "/bench", "only cmd, bench and tests import tests and bench"},
		{"services/sink", watermillNATS + "/v2/pkg/nats", "nothing but internal/natsjs, bench and tests imports watermill-nats"},
		{"internal/natsjsx", watermillNATS + "/v2/pkg/nats", "nothing but internal/natsjs, bench and tests imports watermill-nats"},
	} {
		t.Run(row.from+" may not import "+row.to, func(t *testing.T) {
			found := check(t, edge(row.from, row.to))
			require.Len(t, found, 1)
			require.Equal(t, row.rule, found[0].Rule)
			require.Equal(t, module+"/"+row.from+" -> "+row.to, found[0].Offender)
			require.NotEmpty(t, found[0].Remedy)
		})
	}

	for _, row := range []struct{ from, to string }{
		{"pkg/events", "encoding/json"},
		{"pkg/ops", module + "/pkg/events"},
		{"services/sink", module + "/services/sink/query"},
		{"services/sink/query", module + "/services/sink"},
		{"services/sink", module + "/internal/stage"},
		{"services/sink", "modernc.org/sqlite"},
		{"cmd/fetchmill", module + "/app"},
		{"app", module + "/services/sink"},
		{"app", module + "/internal/broker"},
		{"examples/own", module + "/app"},
		{"cmd/fetchmill", module + "/services/sink"},
		{"cmd/fetchmill", module + "/internal/broker"},
		{"bench", watermillNATS + "/v2/pkg/nats"},
		{"tests/e2e", module + "/services/sink"},
		{"internal/natsjs", watermillNATS + "/v2/pkg/nats"},
	} {
		t.Run(row.from+" may import "+row.to, func(t *testing.T) {
			require.Empty(t, check(t, edge(row.from, row.to)))
		})
	}

	t.Run("a test file may not import watermill-nats either", func(t *testing.T) {
		p := edge("services/sink", "fmt")
		p.XTestImports = []string{watermillNATS + "/v2/pkg/nats"}
		require.Len(t, check(t, p), 1)
	})

	t.Run("a test file may import the broker", func(t *testing.T) {
		p := edge("services/sink", "fmt")
		p.TestImports = []string{module + "/internal/broker/brokertest"}
		require.Empty(t, check(t, p))
	})

	t.Run("a package without documentation is reported", func(t *testing.T) {
		p := edge("internal/host", "fmt")
		p.Doc = ""
		found := check(t, p)
		require.Len(t, found, 1)
		require.Equal(t, ruleDoc, found[0].Rule)
	})

	t.Run("a package whose name says nothing is reported, by folder and by package clause", func(t *testing.T) {
		folder, clause := edge("internal/common", "fmt"), edge("internal/host", "fmt")
		clause.Name = "util"
		for _, p := range []Pkg{folder, clause} {
			found := check(t, p)
			require.Len(t, found, 1)
			require.Equal(t, ruleName, found[0].Rule)
		}
	})

	t.Run("a long file is reported unless it is a test", func(t *testing.T) {
		p := edge("internal/host", "fmt")
		p.GoFiles, p.TestGoFiles = []string{"long.go", "fits.go"}, []string{"long_test.go"}
		p.IgnoredGoFiles = []string{"long_windows.go", "long_windows_test.go"}
		found, err := Check([]Pkg{p}, func(_ *Pkg, file string) (int, error) {
			if file == "fits.go" {
				return maxLines, nil
			}
			return maxLines + 1, nil
		})
		require.NoError(t, err)
		require.Len(t, found, 2)
		require.Contains(t, found[0].Offender, "long.go has 451")
		require.Contains(t, found[1].Offender, "long_windows.go has 451")
	})
}
