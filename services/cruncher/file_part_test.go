package cruncher_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher"
)

// folder opens files of a folder, as app does with its roots.
type folder string

func (f folder) Open(_, path string) (cruncher.File, error) {
	file, err := os.Open(filepath.Join(string(f), path))
	if err != nil {
		return nil, ops.Fail(events.ReasonNotFound, err)
	}
	return opened{file}, nil
}

type opened struct{ *os.File }

func (o opened) info() os.FileInfo {
	info, err := o.Stat()
	if err != nil {
		panic(err)
	}
	return info
}

func (o opened) Size() int64            { return o.info().Size() }
func (o opened) Modified() time.Time    { return o.info().ModTime() }
func (o opened) Failed(err error) error { return ops.Retry(events.ReasonStorage, err) }

// part runs file.part on a file and reads what it hands on.
func part(t testing.TB, dir, with string) (string, error) {
	t.Helper()
	op := cruncher.NewToolbox(cruncher.ToolConfig{Files: folder(dir)}).Ops()["file.part"]
	out, err := op.Run(t.Context(), ops.Input{With: json.RawMessage(with)})
	if err != nil {
		return "", err
	}
	var v struct{ Bytes int64 }
	require.NoError(t, json.Unmarshal(out.Value, &v))
	require.Equal(t, v.Bytes, out.Source.Bytes)
	r, err := out.Source.Open(t.Context())
	require.NoError(t, err)
	data, err := io.ReadAll(r)
	require.NoError(t, r.Close())
	return string(data), err
}

func TestFilePart_parts_are_the_file(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"lines": strings.Repeat("one\ntwo\n\nthree four\n", 50), "unfinished": "a\nbb\nccc", "empty": "", "ends": "\n\n\n",
		"one line": strings.Repeat("x", 1000), "long": "short\n" + strings.Repeat("y", 200_000) + "\nshort\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		for _, parts := range []int{1, 2, 3, 7, 64, 1000} {
			for _, lines := range []bool{true, false} {
				t.Run(fmt.Sprint(name, parts, lines), func(t *testing.T) {
					var all strings.Builder
					for i := range parts {
						piece, err := part(t, dir, fmt.Sprintf(`{"path":%q,"part":%d,"parts":%d,"lines":%t}`, name, i, parts, lines))
						require.NoError(t, err)
						if lines && all.Len() > 0 && piece != "" {
							require.True(t, strings.HasSuffix(all.String(), "\n"), "a part begins with a line")
						}
						all.WriteString(piece)
					}
					require.Equal(t, content, all.String())
				})
			}
		}
	}
}

func TestFilePart_is_read_by_the_next_step(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), []byte(`{"a":[1,2,3]}`), 0o600))
	set := cruncher.NewToolbox(cruncher.ToolConfig{Files: folder(dir)}).Ops()
	out, err := set["file.part"].Run(t.Context(), ops.Input{With: json.RawMessage(`{"path":"f"}`)})
	require.NoError(t, err)
	for op, c := range map[string]struct{ with, want string }{
		"hash": {`{}`, `"bytes":13`}, "text.stats": {`{}`, `"lines"`}, "jq": {`{"query":".a|length"}`, "3"}, "expr": {`{"map":"len(a)"}`, "3"}, "words": {`{}`, `"a"`},
		"html.extract": {`{"fields":["text"]}`, `a`}, "gzip": {`{}`, `"bytes_in":13`},
	} {
		got, err := set[op].Run(t.Context(), ops.Input{With: json.RawMessage(c.with), Value: out.Value, Source: out.Source})
		require.NoError(t, err, op)
		require.Contains(t, string(got.Value), c.want, op)
	}
	_, err = set["image.info"].Run(t.Context(), ops.Input{Source: out.Source})
	require.ErrorContains(t, err, "no JPEG", "it has read it")
}

func TestFilePart_tells_why_it_cannot(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "endless"), bytes.Repeat([]byte("x"), 40<<20), 0o600))
	for with, want := range map[string]events.Reason{
		`{}`: events.ReasonMissingParameter, `{"path":"none"}`: events.ReasonNotFound, `{"path":"x","part":3,"parts":3}`: events.ReasonInvalidParameter,
		`{"path":"x","part":-1}`: events.ReasonInvalidParameter, `{"path":"x","parts":0}`: events.ReasonInvalidParameter,
		`{"path":"endless","parts":4,"part":1}`: events.ReasonTooLarge,
	} {
		_, err := part(t, dir, with)
		require.Equal(t, want, reason(err), with)
	}
	_, err := run(t, "file.part", `{"path":"x"}`, ops.Input{})
	require.Equal(t, events.ReasonForbiddenTarget, reason(err))
	require.ErrorContains(t, err, "--read-root")
}

func TestFilePart_notices_a_file_that_becomes_shorter(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	require.NoError(t, os.WriteFile(name, bytes.Repeat([]byte("line\n"), 1000), 0o600))
	op := cruncher.NewToolbox(cruncher.ToolConfig{Files: folder(dir)}).Ops()["file.part"]
	out, err := op.Run(t.Context(), ops.Input{With: json.RawMessage(`{"path":"f"}`)})
	require.NoError(t, err)
	require.NoError(t, os.Truncate(name, 100))
	_, err = cruncher.Hash().Run(t.Context(), ops.Input{Source: out.Source})
	f := ops.AsFailure(err)
	require.Equal(t, []any{events.ReasonStorage, true}, []any{f.Reason, f.Temporary}, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = op.Run(ctx, ops.Input{With: json.RawMessage(`{"path":"f","parts":2}`)})
	require.Error(t, err)
	require.NotErrorIs(t, err, io.EOF)
}
