package events_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestReasons(t *testing.T) {
	t.Run("lists every reason that is declared, once", func(t *testing.T) {
		require.ElementsMatch(t, declaredReasons(t), events.Reasons())
	})

	t.Run("every reason can be a metric label", func(t *testing.T) {
		for _, reason := range events.Reasons() {
			require.Regexp(t, `^[a-z]+(_[a-z]+)*$`, string(reason))
		}
	})

	t.Run("docs/reasons.md explains exactly these, each with a remedy", func(t *testing.T) {
		page, err := os.ReadFile("../../docs/reasons.md")
		require.NoError(t, err)
		var explained []events.Reason
		for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (.+) \\| (.+) \\|$").FindAllSubmatch(page, -1) {
			explained = append(explained, events.Reason(row[1]))
		}
		require.ElementsMatch(t, events.Reasons(), explained)
	})
}

// declaredReasons reads the constants of type Reason from the source.
func declaredReasons(t *testing.T) []events.Reason {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	var reasons []events.Reason
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Reason" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			reasons = append(reasons, events.Reason(value))
		}
		return true
	})
	return reasons
}
