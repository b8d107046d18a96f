package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/wasm/wasmtest"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// file writes a module into a file and returns its path.
func moduleFile(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "module.wasm")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// ask does one item with a module, and returns its result.
func (m *mill) ask(t *testing.T, module string, more ...string) (events.Result, int) {
	t.Helper()
	r := m.run(t, append([]string{"run", "wasm", "-p", "module=" + module}, more...)...)
	var result events.Result
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &result), r.both())
	return result, r.status
}

// TestWASM is about programs of users, from the command line to the result.
func TestWASM(t *testing.T) {
	data := t.TempDir()
	m := up(t, data, local...)
	words := moduleFile(t, wasmtest.Build(t, "../../examples/wasm/words"))

	t.Run("a program is put, and put again, and listed", func(t *testing.T) {
		put := lines[client.Module](t, m.ok(t, "wasm", "put", "words", words, "-o", "ndjson"))
		require.Len(t, put, 1)
		again := m.run(t, "wasm", "put", "words", words)
		require.Zero(t, again.status)
		require.Contains(t, again.stderr, "nothing has changed")
		require.Equal(t, put, lines[client.Module](t, m.ok(t, "wasm", "ls", "-o", "ndjson")))
	})
	t.Run("a hundred items are computed with it", func(t *testing.T) {
		var items strings.Builder
		for i := range 100 {
			fmt.Fprintf(&items, "{\"input\":%q}\n", strings.Repeat("word ", i+1))
		}
		file := filepath.Join(t.TempDir(), "items.ndjson")
		require.NoError(t, os.WriteFile(file, []byte(items.String()), 0o600))
		out := m.ok(t, "submit", "wasm", "-p", "module=words", "-f", file, "--wait", "--ordered", "-o", "ndjson")
		results := lines[events.Result](t, out)
		require.Len(t, results, 100)
		for i, r := range results {
			require.Equal(t, events.StatusOK, r.Status, r.Error)
			require.JSONEq(t, fmt.Sprintf(`{"words":%d,"different":1,"top":[{"word":"word","times":%d}]}`, i+1, i+1), string(r.Value))
		}
	})
	t.Run("it is run on a page", func(t *testing.T) {
		s := newSite(t, nil)
		out := m.ok(t, "run", "wasm-page", "-p", "module=words", "-p", "url="+s.URL+"/fast/1", "-p", `config={"top":1}`)
		require.Contains(t, out, `"words":`)
	})
	t.Run("a name that is given another program while items flow means the one or the other", func(t *testing.T) {
		versions := []string{moduleFile(t, wasmtest.Print(1, "1", 0)), moduleFile(t, wasmtest.Print(1, "2", 0))}
		first := lines[client.Module](t, m.ok(t, "wasm", "put", "answer", versions[0], "-o", "ndjson"))[0]
		const n = 2000
		items := filepath.Join(t.TempDir(), "items.ndjson")
		require.NoError(t, os.WriteFile(items, []byte(strings.Repeat("{\"input\":1}\n", n)), 0o600))
		m.ok(t, "submit", "wasm", "-p", "module=answer", "-f", items, "--batch", "flowing")
		for i := range 5 {
			m.ok(t, "wasm", "put", "answer", versions[(i+1)%2])
		}
		require.EqualValues(t, n, m.batch(t, "flowing").OK)
		for _, r := range m.results(t, events.ResultQuery{Batch: "flowing"}) {
			require.Contains(t, []string{"1", "2"}, string(r.Value))
		}
		require.Eventually(t, func() bool {
			r, _ := m.ask(t, "answer", "-p", "input=1")
			return string(r.Value) == "2"
		}, patience, tick)
		r, _ := m.ask(t, "sha256:"+first.SHA256, "-p", "input=1")
		require.Equal(t, "1", string(r.Value), "a hash means what it meant")
	})
	t.Run("an endless loop ends its item, and not the worker", func(t *testing.T) {
		m.ok(t, "wasm", "put", "endless", moduleFile(t, wasmtest.Spec{Body: wasmtest.Forever(wasmtest.Write(1, 0, 60_000)...)}.Bytes()))
		r, status := m.ask(t, "endless", "-p", "input=1")
		require.Equal(t, 2, status)
		require.Equal(t, []any{events.StatusFailed, events.ReasonTooLarge}, []any{r.Status, r.Reason}, r.Error)
		r, status = m.ask(t, "words", "-p", "input=still there")
		require.Zero(t, status, r.Error)
	})
	t.Run("what is no program is refused", func(t *testing.T) {
		r := m.run(t, "wasm", "put", "script", moduleFile(t, []byte("#!/bin/sh\necho no\n")))
		require.Equal(t, 1, r.status)
		require.Contains(t, r.stderr, "GOOS=wasip1")
		result, status := m.ask(t, "script", "-p", "input=1")
		require.Equal(t, 2, status)
		require.Equal(t, events.ReasonNotFound, result.Reason)
		require.Contains(t, result.Error, "fetchmill wasm put")
	})
	t.Run("after a new start it is there, compiled", func(t *testing.T) {
		m.process.Signal(os.Interrupt)
		require.Zero(t, m.process.Wait())
		m := up(t, data, local...)
		start := time.Now()
		r, status := m.ask(t, "words", "-p", "input=to be or not to be")
		require.Zero(t, status, r.Error)
		t.Logf("the first item after the start took %s", time.Since(start))
		m.ok(t, "wasm", "rm", "words")
		require.NotContains(t, m.ok(t, "wasm", "ls"), "words")
	})
}
