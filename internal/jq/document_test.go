package jq_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/jq"
)

// A document takes no more memory than was said before it was decoded, whatever its shape.
func TestDocumentBytes_is_an_upper_bound(t *testing.T) {
	list := func(element string, n int) string { return "[" + strings.Repeat(element+",", n) + element + "]" }
	fields := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(`"k` + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/26%50) + `":1,`)
		}
		return "{" + b.String() + `"z":0}`
	}
	for name, doc := range map[string]string{
		"numbers":              list("1", 200_000),
		"long numbers":         list("12345678901234567890123456789", 20_000),
		"empty arrays":         list("[]", 200_000),
		"empty objects":        list("{}", 100_000),
		"objects of one field": list(`{"a":1}`, 100_000),
		"objects of two":       list(`{"a":[1],"b":{"c":null}}`, 50_000),
		"texts":                list(`"a text that is somewhat longer than a word"`, 50_000),
		"short texts":          list(`""`, 200_000),
		"many fields":          list(fields(100), 500),
		"nested":               strings.Repeat("[", 900) + strings.Repeat("]", 900),
		"one long text":        `"` + strings.Repeat("x", 1<<20) + `"`,
		"escapes":              `"` + strings.Repeat(`\u00e9`, 1<<18) + `"`,
	} {
		t.Run(name, func(t *testing.T) {
			data := []byte(doc)
			before := inUse()
			v, err := jq.Decode(data)
			require.NoError(t, err)
			took := inUse() - before
			require.LessOrEqual(t, took, jq.DocumentBytes(data), "%d bytes of JSON", len(data))
			runtime.KeepAlive(v)
			runtime.KeepAlive(data)
		})
	}
}

// inUse is how many bytes of the heap are in use.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
