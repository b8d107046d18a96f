package programs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// environment is a source of variables.
func environment(name string) (string, bool) {
	v, ok := map[string]string{"PATH": os.Getenv("PATH"), "LANG": "C.UTF-8", "SECRET": "s3", "AWS_KEY": "k"}[name]
	return v, ok
}

// folderWith makes a folder with a script and a folder in it.
func folderWith(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "script"), []byte("#!/bin/sh\n"), 0o700))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	return dir
}

func TestParse_reads_programs(t *testing.T) {
	dir := folderWith(t)
	c, err := Parse([]byte(`
plain:
  command: [./script]
full:
  command: [../script, -x, "a b"]
  dir: sub
  env: {TOKEN: "x${SECRET}$${", LANG: C}
  workers: 3
  max_output: 1KiB
  max_input: 2000
  recycle_after: 7
  start_timeout: 1m
`), dir, environment)
	require.NoError(t, err)
	require.Equal(t, []string{"full", "plain"}, c.Names())
	path := "PATH=" + os.Getenv("PATH")
	require.Equal(t, program{
		name: "plain", argv: []string{dir + "/script"}, dir: dir, env: []string{path, "LANG=C.UTF-8"}, maxOutput: 512 << 10, maxInput: 64 << 20,
	}, c.programs["plain"])
	require.Equal(t, program{
		name: "full", argv: []string{dir + "/script", "-x", "a b"}, dir: dir + "/sub", env: []string{path, "LANG=C", "TOKEN=xs3${"}, workers: 3,
		maxOutput: 1024, maxInput: 2000, recycleAfter: 7, startTimeout: time.Minute,
	}, c.programs["full"])
	require.Equal(t, "none", (*Catalogue)(nil).String())
	require.Contains(t, c.String(), "full ("+dir+"/script -x a b), plain (")
}

func TestParse_tells_all_faults_with_their_lines(t *testing.T) {
	_, err := Parse([]byte(`a b:
  command: [./script]
x:
  command: [./gone]
  dir: nowhere
  env: {"A-B": x, C: "${GONE}"}
  workers: 0
  max_output: 1GiB
  max_input: lots
  memory: 5
  recycle_after: -1
  start_timeout: soon
y: {}
`), folderWith(t), environment)
	require.ErrorIs(t, err, ErrCatalogue)
	for _, want := range []string{
		"line 1: program a b", "line 4: program x: command", "line 5: program x: dir", `line 6: program x: env "A-B"`, "the variable GONE is not set",
		"line 7: program x: workers 0", `line 8: program x: max_output "1GiB"`, `line 9: program x: max_input "lots"`, `line 10: program x: memory "5"`,
		"line 11: program x: recycle_after -1", `line 12: program x: start_timeout "soon"`, "line 13: program y: command is missing",
	} {
		require.ErrorContains(t, err, want)
	}
	for text, want := range map[string]string{
		"": "empty", "{}": "no program", "x: {comand: [a]}": "field comand not found", "x: {command: ls}": "line 1",
	} {
		_, err := Parse([]byte(text), t.TempDir(), environment)
		require.ErrorIs(t, err, ErrCatalogue)
		require.ErrorContains(t, err, want)
	}
	_, err = Load(filepath.Join(t.TempDir(), "gone.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("p:\n  command: [sh, -c, x]\n  env: {A: \"${PATH}\"}\n  memory: 1GiB\n  start_timeout: 1s\n"))
	f.Add([]byte("? [a]\n: b"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data, dir, environment)
		if err != nil {
			require.ErrorIs(t, err, ErrCatalogue)
			return
		}
		for _, name := range c.Names() {
			p := c.programs[name]
			require.NotEmpty(t, p.argv)
			require.True(t, p.maxOutput >= leastMaxOutput && p.maxOutput <= mostMaxOutput)
		}
	})
}

func FuzzReadLine(f *testing.F) {
	f.Add([]byte("a\nbc\r\n\nrest"), uint16(2))
	f.Fuzz(func(t *testing.T, data []byte, most uint16) {
		r, rest := bufio.NewReaderSize(bytes.NewReader(data), 16), data
		for {
			line, err := readLine(r, int(most))
			want, after, ended := bytes.Cut(rest, []byte("\n"))
			switch {
			case len(want) > int(most):
				require.ErrorIs(t, err, errTooLong)
				require.Equal(t, string(want[:most]), string(line))
				return
			case !ended && len(want) == 0:
				require.Equal(t, io.EOF, err)
				return
			case !ended:
				require.ErrorIs(t, err, errPartial)
				require.Equal(t, want, line)
				return
			}
			require.NoError(t, err)
			require.Equal(t, string(bytes.TrimSuffix(want, []byte("\r"))), string(line))
			rest = after
		}
	})
}

func FuzzDecodeAnswer(f *testing.F) {
	for _, s := range []string{`{"id":1,"value":[{"a":"\"]"}]}`, `{"id":1,"error":"x","retry":true,"reason":"not_found","traceback":"t"}`, `{"id":1,"body":"AA=="}`, `{"id":2}`, `{`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := decodeAnswer(text, 1)
		if err != nil {
			return
		}
		require.EqualValues(t, 1, *a.ID)
		if a.Value != nil {
			require.True(t, json.Valid(a.Value))
			require.LessOrEqual(t, depth(a.Value), maxDepth)
		}
		if a.Error != nil {
			out, err := a.failure("p")
			require.Error(t, err)
			require.LessOrEqual(t, len(err.Error()), maxErrorBytes+100)
			require.True(t, out.Value == nil || json.Valid(out.Value))
		}
	})
}

func TestCall_writes_one_line(t *testing.T) {
	for _, c := range []Call{
		{Item: "a\nb", Value: json.RawMessage("[\n1\n]")},
		{Args: json.RawMessage("null"), Body: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil }},
	} {
		var b bytes.Buffer
		require.NoError(t, c.write(&b, 7, 10))
		require.Equal(t, 1, strings.Count(b.String(), "\n"))
		require.True(t, json.Valid(b.Bytes()))
		require.True(t, strings.HasPrefix(b.String(), `{"id":7`))
	}
	err := Call{Value: json.RawMessage("{")}.write(io.Discard, 1, 1)
	_, ok := errors.AsType[*unsendable](err)
	require.True(t, ok)
}
