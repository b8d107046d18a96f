package parquetfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func TestWriter(t *testing.T) {
	t.Run("writes what can be read back", func(t *testing.T) {
		var b bytes.Buffer
		w := NewWriter(&b)
		require.NoError(t, w.Write(events.Result{
			ID: "a", Recipe: "page", Batch: "b1", Index: 7, Key: "http://A.example.com/ü", Status: events.StatusOK, Attempts: 2, Value: json.RawMessage(`{"n":1}`),
			Fetch: &events.FetchFacts{Status: 200, Bytes: 12, ElapsedMS: 1.5}, Submitted: noon.Add(-time.Second), Finished: noon,
		}))
		require.NoError(t, w.Write(events.Result{ID: "b", Recipe: "page", Status: events.StatusFailed, Reason: events.ReasonDNS, Error: "no such host"}))
		require.NoError(t, w.Close())
		rows, err := parquet.Read[row](bytes.NewReader(b.Bytes()), int64(b.Len()))
		require.NoError(t, err)
		require.Len(t, rows, 2)
		require.Equal(t, "a.example.com", *rows[0].Host)
		require.JSONEq(t, `{"n":1}`, *rows[0].Value)
		require.EqualValues(t, 200, *rows[0].FetchStatus)
		require.JSONEq(t, `{"status":200,"bytes":12,"elapsed_ms":1.5}`, *rows[0].Fetch)
		require.True(t, noon.Equal(*rows[0].Finished))
		require.Equal(t, "dns", *rows[1].Reason)
		for name, missing := range map[string]bool{"batch": rows[1].Batch == nil, "value": rows[1].Value == nil, "fetch": rows[1].Fetch == nil, "time": rows[1].Submitted == nil} {
			require.True(t, missing, "%s is null", name)
		}
	})
	t.Run("makes a file without rows, too", func(t *testing.T) {
		var b bytes.Buffer
		require.NoError(t, NewWriter(&b).Close())
		f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
		require.NoError(t, err)
		require.Zero(t, f.NumRows())
	})
	t.Run("keeps no more than a row group in memory", func(t *testing.T) {
		var b bytes.Buffer
		w := NewWriter(&b)
		value := json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)
		for i := range 70 {
			require.NoError(t, w.Write(events.Result{ID: fmt.Sprint(i), Recipe: "page", Status: events.StatusOK, Value: value}))
			require.LessOrEqual(t, w.bytes, groupBytes)
		}
		require.NoError(t, w.Close())
		f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
		require.NoError(t, err)
		require.EqualValues(t, 70, f.NumRows())
		require.Len(t, f.RowGroups(), 3)
	})
}
