//go:build external

package programs

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// python makes a program of a function f(value), served by the example's loop.
func python(t testing.TB, function string) program {
	t.Helper()
	path, err := exec.LookPath("python3")
	require.NoError(t, err)
	example, err := filepath.Abs("../../../examples/python-map")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "f.py")
	text := "import os, sys\nsys.path.insert(0, " + string(ops.JSON(example)) + ")\nfrom worker import serve\n" + function + "\nserve(f)\n"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	p := helper("")
	p.argv, p.env = []string{path, "-B", file}, []string{"PATH=" + os.Getenv("PATH")}
	p.maxOutput = defaultMaxOutput
	return p
}

func TestPython(t *testing.T) {
	t.Run("prints without harm, also from programs that it starts", func(t *testing.T) {
		r := runner(t, python(t, "def f(v):\n  print('noise')\n  os.system('echo more noise')\n  return [v, 'ä']"))
		for range 3 {
			answers(t, r, "x", `["x", "\u00e4"]`)
		}
	})
	t.Run("an exception is a failure with its traceback, and the process goes on", func(t *testing.T) {
		r := runner(t, python(t, "def f(v):\n  if v == 'bad': raise KeyError(v)\n  return os.getpid()"))
		before, err := ask(t, r, "good")
		require.NoError(t, err)
		value, err := ask(t, r, "bad")
		fails(t, err, events.ReasonComputation, false, "KeyError: 'bad'")
		require.Contains(t, value, "Traceback (most recent call last)")
		answers(t, r, "good", before)
	})
	t.Run("what JSON does not have is an exception", func(t *testing.T) {
		r := runner(t, python(t, "def f(v): return float(v)"))
		_, err := ask(t, r, "nan")
		fails(t, err, events.ReasonComputation, false, "ValueError")
	})
	t.Run("too much memory is an exception", func(t *testing.T) {
		p := python(t, "def f(v): return len(bytearray(int(v)))")
		p.memory = 512 << 20
		r := runner(t, p)
		_, err := ask(t, r, "2000000000")
		fails(t, err, events.ReasonComputation, false, "MemoryError")
		answers(t, r, "1000", "1000")
	})
	t.Run("a mistake in the program is quoted", func(t *testing.T) {
		_, err := ask(t, runner(t, python(t, "import nothing_of_this_name")), "x")
		require.ErrorContains(t, err, "ModuleNotFoundError: No module named 'nothing_of_this_name'")
		require.True(t, ops.AsFailure(err).Temporary)
	})
	t.Run("its sudden end", func(t *testing.T) {
		_, err := ask(t, runner(t, python(t, "def f(v): os.kill(os.getpid(), 11)")), "x")
		fails(t, err, events.ReasonPanic, true, "segmentation fault")
	})
}

// The list in docs/exec.md, but for the program that there is not.
func TestDocumentedListWorks(t *testing.T) {
	page, err := os.ReadFile("../../../docs/exec.md")
	require.NoError(t, err)
	_, list, _ := strings.Cut(string(page), "```yaml\n")
	list, _, _ = strings.Cut(list, "```")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "model"), []byte("#!/bin/sh\n"), 0o700))
	c, err := Parse([]byte(strings.Replace(list, "/srv/model", ".", 1)), dir, os.LookupEnv)
	require.NoError(t, err)
	require.Equal(t, []string{"invert", "model", "shout"}, c.Names())
	p := c.programs["shout"]
	p.name, p.workers = "p", 1
	r := runner(t, p)
	answers(t, r, "hello", `"HELLO"`)
	answers(t, r, "again", `"AGAIN"`)
}

func BenchmarkEchoInPython(b *testing.B) {
	echo(b, python(b, "def f(v): return v"), json.RawMessage(`{"n": 12345, "text": "some text"}`))
}
