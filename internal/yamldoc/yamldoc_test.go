package yamldoc_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

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

func TestTree(t *testing.T) {
	read := func(text string) (string, error) {
		root, err := yamldoc.Root([]byte(text), 100)
		if err != nil || root == nil {
			return "", err
		}
		var tree yamldoc.Tree
		var got []string
		tree.Mapping(root, "the file", func(key, value *yaml.Node) {
			if key.Value == "yes" {
				got = append(got, fmt.Sprint(tree.Bool(value, "yes")))
				return
			}
			if s, ok := tree.Text(value, key.Value); ok {
				got = append(got, s)
			}
		})
		return strings.Join(got, " "), tree.Err()
	}
	t.Run("reads texts as they are written", func(t *testing.T) {
		got, err := read("a: 010\nb: 'x y'\nyes: true\n")
		require.NoError(t, err)
		require.Equal(t, "010 x y true", got)
	})
	t.Run("has nothing to say about nothing", func(t *testing.T) {
		for _, text := range []string{"", "# x\n", "---\n", "null"} {
			got, err := read(text)
			require.NoError(t, err)
			require.Empty(t, got)
		}
	})
	t.Run("tells all faults in the order of the lines, and quotes none of it", func(t *testing.T) {
		_, err := read("a: [s3cr3t]\na: s3cr3t\nb:\nyes: s3cr3t\n")
		require.EqualError(t, err, "line 1: a must be a text\nline 2: the file has a key twice\nline 3: b must be a text\nline 4: yes is true or false")
		for _, text := range []string{"s3cr3t", "- s3cr3t", "a: [s3cr3t", "a: *s3cr3t", "a: s3cr3t\n---\n", strings.Repeat("s3cr3t", 20), "<<: {a: s3cr3t}"} {
			_, err := read(text)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "s3cr3t")
		}
	})
}
