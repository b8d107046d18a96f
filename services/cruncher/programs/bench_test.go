package programs

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a call through a process costs: the same function, which does nothing but hand back its value, here and in a program written in Go.
func BenchmarkEcho(b *testing.B) {
	value := json.RawMessage(`{"n":12345,"text":"some text"}`)
	b.Run("native", func(b *testing.B) {
		for b.Loop() {
			var v any
			require.NoError(b, json.Unmarshal(value, &v))
			_, err := json.Marshal(v)
			require.NoError(b, err)
		}
	})
	b.Run("go program", func(b *testing.B) { echo(b, helper("worker"), value) })
}

func echo(b *testing.B, p program, value json.RawMessage) {
	b.Helper()
	r := runner(b, p)
	_, err := r.Run(b.Context(), "p", Call{Value: value}) // starts it
	require.NoError(b, err)
	for b.Loop() {
		out, err := r.Run(b.Context(), "p", Call{Item: "i", Value: value})
		require.NoError(b, err)
		require.Equal(b, string(value), string(out.Value))
	}
}
