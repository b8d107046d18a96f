package wasm_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/wasm"
	"github.com/fetchmill/fetchmill/internal/wasm/wasmtest"
)

// run runs a program as a cruncher does.
func run(t *testing.T, data []byte, input string, args ...string) wasm.Result {
	t.Helper()
	e := wasm.NewEngine(wasm.Config{CompileTime: 10 * time.Minute}) // a machine that is busy with other tests is no fault of the program's
	defer func() { require.NoError(t, e.Close()) }()
	load := func(context.Context, int64) ([]byte, error) { return data, nil }
	r, err := e.Run(t.Context(), wasm.Hash(data), load, nil, wasm.Call{
		Args: append([]string{"example"}, args...), Stdin: strings.NewReader(input),
		MemoryBytes: wasm.DefaultMemoryBytes, StdoutBytes: 1 << 20, StderrBytes: 1000,
	})
	require.NoError(t, err)
	return r
}

func TestWords(t *testing.T) {
	words := wasmtest.Build(t, "words")
	r := run(t, words, "To be, or not to be!")
	require.JSONEq(t, `{"words":6,"different":4,"top":[{"word":"be","times":2},{"word":"to","times":2},{"word":"not","times":1}]}`, string(r.Stdout))
	r = run(t, words, "to be or not to be", `{"top": 2}`)
	require.JSONEq(t, `{"words":6,"different":4,"top":[{"word":"be","times":2},{"word":"to","times":2}]}`, string(r.Stdout), "as its README says")
	r = run(t, words, "", `{"top": "many"}`)
	require.EqualValues(t, 1, r.ExitCode)
	require.Contains(t, r.Stderr, "configuration: ")
}
