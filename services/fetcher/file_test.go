package fetcher

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/files"
)

// withFiles makes a Network with the roots in, to be read, and out.
func withFiles(t testing.TB, change ...func(*NetConfig)) (n *Network, in, out string) {
	t.Helper()
	in, out = t.TempDir(), t.TempDir()
	roots, err := files.Open(files.Config{Read: []string{"in=" + in}, Write: []string{"out=" + out}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, roots.Close()) })
	return network(t, append([]func(*NetConfig){func(c *NetConfig) { c.Files = roots }}, change...)...), in, out
}

// memoryBodies keeps bodies in memory.
type memoryBodies struct{ kept []byte }

func (b *memoryBodies) Get(context.Context, events.BodyRef) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(b.kept)), nil
}

func (b *memoryBodies) Renew(context.Context, events.BodyRef) error { return nil }

func (b *memoryBodies) Put(_ context.Context, r io.Reader) (events.BodyRef, error) {
	data, err := io.ReadAll(r)
	b.kept = data
	return events.BodyRef{Object: "o", Bytes: int64(len(data)), SHA256: "s"}, err
}

func TestFileRead(t *testing.T) {
	store := &memoryBodies{}
	n, in, _ := withFiles(t, func(c *NetConfig) { c.Bodies = store; c.InlineBytes = 10 })
	require.NoError(t, os.WriteFile(filepath.Join(in, "a"), []byte("0123456789"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(in, "large"), []byte("0123456789ab"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(in, "empty"), nil, 0o600))

	for _, row := range []struct {
		name string
		args args
		body string
		size int
	}{
		{"a whole file", args{"root": "in", "path": "a"}, "0123456789", 10},
		{"an empty file", args{"root": "in", "path": "empty"}, "", 0},
		{"the end of a file", args{"root": "in", "path": "a", "offset": 7}, "789", 10},
		{"a part of a file", args{"root": "in", "path": "large", "offset": 2, "length": 3}, "234", 12},
		{"more than there is", args{"root": "in", "path": "a", "offset": 8, "length": 100}, "89", 10},
		{"what is behind the end", args{"root": "in", "path": "a", "offset": 11}, "", 10},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, err := run(t.Context(), t, n, "file.read", row.args)
			require.NoError(t, err)
			require.Equal(t, row.body, string(out.Body))
			require.Nil(t, out.BodyRef)
			var value fileReadValue
			require.NoError(t, json.Unmarshal(out.Value, &value))
			require.Equal(t, "in", value.Root)
			require.Equal(t, row.args["path"], value.Path)
			require.EqualValues(t, len(row.body), value.Bytes)
			require.EqualValues(t, row.size, value.Size)
			require.False(t, value.Modified.IsZero())
			require.EqualValues(t, len(row.body), out.Fetch.Bytes)
		})
	}

	t.Run("a file that is too large to travel along goes to the store", func(t *testing.T) {
		out, err := run(t.Context(), t, n, "file.read", args{"root": "in", "path": "large"})
		require.NoError(t, err)
		require.Nil(t, out.Body)
		require.Equal(t, &events.BodyRef{Object: "o", Bytes: 12, SHA256: "s"}, out.BodyRef)
		require.Equal(t, out.BodyRef, out.Fetch.Body)
		require.Equal(t, "0123456789ab", string(store.kept))
		require.Contains(t, string(out.Value), `"bytes":12`)
	})
	t.Run("without a store it is too large", func(t *testing.T) {
		n.cfg.Bodies = nil
		_, err := run(t.Context(), t, n, "file.read", args{"root": "in", "path": "large"})
		fails(t, err, events.ReasonTooLarge, false)
		require.ErrorContains(t, err, "offset and length")
	})
	t.Run("a file that is not there is not found", func(t *testing.T) {
		_, err := run(t.Context(), t, n, "file.read", args{"root": "in", "path": "b"})
		fails(t, err, events.ReasonNotFound, false)
	})
	t.Run("other arguments are refused", func(t *testing.T) {
		for _, a := range []args{{"root": "in", "path": "a", "offset": -1}, {"root": "in", "path": "a", "length": 0}, {"root": 1}, {"root": "in", "path": "a", "x": 1}} {
			_, err := run(t.Context(), t, n, "file.read", a)
			fails(t, err, events.ReasonInvalidParameter, false)
		}
	})
	t.Run("a fetcher without roots says how to get one", func(t *testing.T) {
		_, err := run(t.Context(), t, network(t), "file.read", args{"root": "in", "path": "a"})
		fails(t, err, events.ReasonForbiddenTarget, false)
		require.ErrorContains(t, err, "--read-root")
	})
}

func TestFileWrite(t *testing.T) {
	n, _, dir := withFiles(t)
	write := func(t *testing.T, in ops.Input, a args) (ops.Output, error) {
		t.Helper()
		with, err := json.Marshal(a)
		require.NoError(t, err)
		in.With = with
		return n.Ops()["file.write"].Run(t.Context(), in)
	}
	item := ops.Input{ID: "s33K", Index: 6}
	body, value := item, item
	body.Body, body.Value = []byte("body"), json.RawMessage(`1`)
	value.Value = json.RawMessage("{\n \"a\": 1\n}")
	stored := item
	stored.BodyRef = &events.BodyRef{Object: "o"}
	stored.Stored = func(context.Context, events.BodyRef) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("stored")), nil
	}
	for _, row := range []struct {
		name string
		in   ops.Input
		args args
		path string
		want string
	}{
		{"text", item, args{"root": "out", "path": "a.txt", "text": "x\ny"}, "a.txt", "x\ny"},
		{"an empty text", item, args{"path": "e.txt", "text": ""}, "e.txt", ""},
		{"JSON, as a line", item, args{"path": "a.json", "json": args{"b": []int{1}}}, "a.json", "{\"b\":[1]}\n"},
		{"JSON's null", item, args{"path": "n.json", "json": json.RawMessage("null")}, "n.json", "null\n"},
		{"base64", item, args{"path": "a.bin", "base64": "AP8="}, "a.bin", "\x00\xff"},
		{"the body of the step before", body, args{"path": "b"}, "b", "body"},
		{"a body that is stored", stored, args{"path": "s"}, "s", "stored"},
		{"the value of the step before", value, args{"path": "v"}, "v", "{\"a\":1}\n"},
		{"a name with the item's place and id", item, args{"path": "x/{id}/{n}.txt", "text": "t"}, "x/s33K/7.txt", "t"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for range 2 { // a redelivery
				out, err := write(t, row.in, row.args)
				require.NoError(t, err)
				data, err := os.ReadFile(filepath.Join(dir, row.path))
				require.NoError(t, err)
				require.Equal(t, row.want, string(data))
				var got fileWriteValue
				require.NoError(t, json.Unmarshal(out.Value, &got))
				require.Equal(t, "out", got.Root)
				require.Equal(t, row.path, got.Path)
				require.EqualValues(t, len(row.want), got.Bytes)
				require.Len(t, got.SHA256, 64)
				require.False(t, got.Written.IsZero())
				require.Nil(t, out.Body)
			}
		})
	}

	for _, row := range []struct {
		name   string
		args   args
		reason events.Reason
	}{
		{"nothing to write", args{"path": "z"}, events.ReasonMissingParameter},
		{"no path", args{"text": "z"}, events.ReasonMissingParameter},
		{"two contents", args{"path": "z", "text": "z", "json": 1}, events.ReasonInvalidParameter},
		{"broken base64", args{"path": "z", "base64": "%"}, events.ReasonInvalidParameter},
		{"a place that there is not", args{"path": "{z}", "text": "z"}, events.ReasonInvalidParameter},
		{"a path that leads out", args{"path": "../z", "text": "z"}, events.ReasonForbiddenTarget},
		{"a root that may only be read", args{"root": "in", "path": "z", "text": "z"}, events.ReasonForbiddenTarget},
	} {
		t.Run(row.name+" is refused", func(t *testing.T) {
			_, err := write(t, item, row.args)
			fails(t, err, row.reason, false)
		})
	}

	t.Run("a body that breaks off leaves nothing", func(t *testing.T) {
		broken := stored
		broken.Stored = func(context.Context, events.BodyRef) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader([]byte("half")), brokenReader{})), nil
		}
		_, err := write(t, broken, args{"path": "half/a"})
		fails(t, err, events.ReasonStorage, true)
		left, err := os.ReadDir(filepath.Join(dir, "half"))
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken off") }

func FuzzFileWrite(f *testing.F) {
	for _, with := range []string{
		`{"root":"out","path":"a","text":"b"}`, `{"path":"../a","json":null}`, `{"path":"{n}","base64":"AA=="}`, `{"path":"a/{name}.{ext}"}`, `[]`, `{"path":"\u0000"}`,
	} {
		f.Add([]byte(with))
	}
	n, _, dir := withFiles(f)
	f.Fuzz(func(t *testing.T, with []byte) {
		out, err := n.Ops()["file.write"].Run(t.Context(), ops.Input{With: with, ID: "id", Body: []byte("body")})
		if err != nil {
			require.NotEqual(t, events.ReasonComputation, ops.AsFailure(err).Reason, fmt.Sprint(err))
			return
		}
		var got fileWriteValue
		require.NoError(t, json.Unmarshal(out.Value, &got))
		info, err := os.Lstat(filepath.Join(dir, got.Path))
		require.NoError(t, err)
		require.Equal(t, got.Bytes, info.Size())
	})
}
