package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestExampleMapReduce(t *testing.T) {
	dir := example(t, "map-reduce")
	m := up(t, t.TempDir(), "--read-root", "here="+dir)
	said := m.follow(t, dir)
	require.Regexp(t, `(?m)^primes +5761455 +10 *$`, said, "as its README says")
	require.Regexp(t, `(?m)^largest +99999989 +10 *$`, said)

	var counted events.Result
	data, err := os.ReadFile(filepath.Join(dir, "counted.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &counted))
	require.JSONEq(t, `{"batch":"`+counted.ID+`","parts":100,"ok":100,"reduced":[{"name":"count","op":"sum","of":"value.count","value":1000000000,"count":100}]}`,
		string(counted.Value))

	lines := 0
	for _, name := range []string{"README.md", "ranges.ndjson"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		lines += bytes.Count(text, []byte("\n"))
	}
	require.Regexp(t, fmt.Sprintf(`(?m)^lines +%d +2 *$`, lines), said)
}
