package yamldoc_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/yamldoc"
)

type partDocument struct {
	N int `yaml:"n"`
}

type wholeDocument struct {
	Name  string                  `yaml:"name"`
	Parts map[string]partDocument `yaml:"parts"`
	List  []partDocument          `yaml:"list"`
}

const text = `name: x
parts:
  a: &a
    n: 1
  b: *a
list:
  - n: 2
  - n: 3
`

func TestPositionFindsLines(t *testing.T) {
	var doc wholeDocument
	at, err := yamldoc.Decode([]byte(text), &doc)
	require.NoError(t, err)
	require.Equal(t, 1, doc.Parts["b"].N)
	for _, row := range []struct {
		path []string
		line int
	}{
		{nil, 1},
		{[]string{"name"}, 1},
		{[]string{"parts", "a", "n"}, 4},
		{[]string{"parts", "b"}, 5},
		{[]string{"parts", "b", "n"}, 4},
		{[]string{"list", "1"}, 8},
		{[]string{"list", "7"}, 6},
		{[]string{"parts", "z", "n"}, 2},
		{[]string{"nothing"}, 1},
	} {
		require.Equal(t, row.line, at.Line(row.path...), row.path)
	}
	require.EqualError(t, at.Wrap(errors.New("wrong"), "list", "0", "n"), "line 7: wrong")
}

func TestDecodeRefuses(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"nothing":            {"", "it is empty"},
		"only a comment":     {"# x\n", "it is empty"},
		"two documents":      {"name: x\n---\nname: y\n", "more than one document"},
		"broken YAML":        {"name: [\n", "line 1"},
		"an unknown field":   {"name: x\nparts:\n  a: {m: 1}\n", "line 3: field m not found"},
		"a wrong type":       {"parts: [1]\n", "line 1: cannot unmarshal !!seq"},
		"two faults":         {"x: 1\ny: 2\n", "line 1: field x not found; line 2: field y not found"},
		"a name that is two": {"name: x\nname: y\n", "already defined"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := yamldoc.Decode([]byte(row.text), new(wholeDocument))
			require.ErrorContains(t, err, row.want)
			require.NotContains(t, err.Error(), "ocument\n")
			require.NotContains(t, err.Error(), "yamldoc_test")
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(text))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("? [a]\n: b"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		at, _ := yamldoc.Decode(data, new(wholeDocument))
		at.Line("parts", "a", "0")
	})
}
