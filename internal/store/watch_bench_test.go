package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// BenchmarkWatch measures what it takes to judge checks of 10,000 targets, by the size of the group, beside storing the same results as such.
func BenchmarkWatch(b *testing.B) {
	for _, group := range []int{10, 100, 1000} {
		for _, judged := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d judged=%t", group, judged), func(b *testing.B) {
				db, err := Open(b.Context(), filepath.Join(b.TempDir(), "x.db"), Options{Synchronous: SynchronousNormal})
				require.NoError(b, err)
				defer func() { require.NoError(b, db.Close()) }()
				_, err = db.ApplyTargets(b.Context(), sites(10_000, func(i int, s *events.Target) {
					s.Name = fmt.Sprint("page-", i)
					s.Conditions = []string{`status < 400 && elapsed < duration("20s")`}
				}), ApplyOptions{})
				require.NoError(b, err)
				w, err := db.Watched(b.Context())
				require.NoError(b, err)
				entries := make([]Entry, group)
				at := uptime.InstantOf(noon)
				b.ResetTimer()
				rows := 0
				for rows < b.N {
					for i := range entries {
						target := w.Targets[rows%len(w.Targets)]
						if rows%len(w.Targets) == 0 {
							at = at.Add(time.Minute)
						}
						r := checked(w, target.Target, target.Next(at), false, true)
						if !judged {
							r.ID = fmt.Sprint("k", rows)
						}
						entries[i] = Entry{Result: r}
						rows++
					}
					_, err := db.Commit(b.Context(), entries)
					require.NoError(b, err)
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(rows), "µs/row")
			})
		}
	}
}
