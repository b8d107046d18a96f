package store

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// BenchmarkCommit measures rows per second by the size of the group and what a commit waits for. Ids are random, as those made from keys are.
func BenchmarkCommit(b *testing.B) {
	for _, level := range []Synchronous{SynchronousFull, SynchronousNormal} {
		for _, group := range []int{1, 10, 100, 1000, 2000} {
			b.Run(fmt.Sprintf("%s/%d", level, group), func(b *testing.B) {
				db, err := Open(b.Context(), filepath.Join(b.TempDir(), "x.db"), Options{Synchronous: level})
				require.NoError(b, err)
				defer func() { require.NoError(b, db.Close()) }()
				rnd := rand.New(rand.NewPCG(1, 2))
				entries := make([]Entry, group)
				b.ReportAllocs()
				b.ResetTimer()
				rows := 0
				for rows < b.N {
					for i := range entries {
						r := result(events.IDFromKey(fmt.Sprint(rnd.Uint64())), "bench", int64(rows))
						r.Value = json.RawMessage(`{"title":"a page of some sort","words":1234}`)
						entries[i] = Entry{Result: r}
						rows++
					}
					_, err := db.Commit(b.Context(), entries)
					require.NoError(b, err)
				}
				b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}
