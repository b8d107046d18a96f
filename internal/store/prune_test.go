package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// agedResult makes a result that finished so long before noon.
func agedResult(id, batch string, age time.Duration) Entry {
	r := result(id, batch, 0)
	r.Finished = noon.Add(-age)
	return Entry{Result: r}
}

func idsOf(t *testing.T, db *DB, q events.ResultQuery) (ids []string) {
	t.Helper()
	for _, r := range everything(t, db, q) {
		ids = append(ids, r.ID)
	}
	return ids
}

func (r rig) testPrune(t *testing.T) {
	prune := func(t *testing.T, db *DB, keep Keep) int {
		t.Helper()
		n, err := db.Prune(t.Context(), "page", keep, noon)
		require.NoError(t, err)
		return n
	}
	t.Run("deletes what is too old, of one recipe", func(t *testing.T) {
		db := r.open(t)
		other := agedResult("other", "", 10*time.Hour)
		other.Result.Recipe = "json"
		commit(t, db, agedResult("old", "", 3*time.Hour), agedResult("young", "", time.Hour), agedResult("late", "", 4*time.Hour), other)
		require.Equal(t, 2, prune(t, db, Keep{Age: 2 * time.Hour}))
		require.Equal(t, []string{"young", "other"}, idsOf(t, db, events.ResultQuery{}))
		require.EqualValues(t, 3, countsOf(t, db, "")[events.Count{Recipe: "page", Status: events.StatusOK}], "counts are about all that ever were")
		names, err := db.Recipes(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"json", "page"}, names)
	})
	t.Run("deletes what is too much, but nothing that is younger than the least", func(t *testing.T) {
		db := r.open(t)
		for i := range 6 {
			commit(t, db, agedResult(fmt.Sprint("r", i), "", time.Duration(6-i)*time.Hour))
		}
		require.Equal(t, 2, prune(t, db, Keep{Count: 2, Least: 4*time.Hour + time.Minute}))
		require.Equal(t, 2, prune(t, db, Keep{Count: 2, Age: 100 * time.Hour}))
		require.Zero(t, prune(t, db, Keep{Count: 2}))
		require.Equal(t, []string{"r4", "r5"}, idsOf(t, db, events.ResultQuery{}))
	})
	t.Run("keeps everything when told nothing", func(t *testing.T) {
		db := r.open(t)
		commit(t, db, agedResult("a", "", 1000*time.Hour))
		require.Zero(t, prune(t, db, Keep{}))
	})
	t.Run("keeps what a batch that has not ended counts on, its own and what it has borrowed", func(t *testing.T) {
		db := r.open(t)
		commit(t, db, agedResult("own", "b1", 9*time.Hour), agedResult("lent", "", 9*time.Hour), agedResult("lent", "b2", 9*time.Hour))
		require.Zero(t, prune(t, db, Keep{Age: time.Hour}))
		commit(t, db, record("b1", events.BatchClose, 1), record("b2", events.BatchClose, 1))
		require.Equal(t, 2, prune(t, db, Keep{Age: time.Hour}))
		for _, name := range []string{"b1", "b2"} {
			require.Empty(t, everything(t, db, events.ResultQuery{Batch: name}))
			require.EqualValues(t, 1, batchOf(t, db, name).Ended())
			require.EqualValues(t, 1, countsOf(t, db, name)[events.Count{Recipe: "page", Status: events.StatusOK}])
		}
		out := commit(t, db, agedResult("own", "b3", 9*time.Hour))
		require.True(t, out[0].New, "an item whose result is gone is new again")
	})
	t.Run("does so in many steps, while results are committed", func(t *testing.T) {
		db := r.open(t)
		var entries []Entry
		for i := range 3*pruneAtOnce + 10 {
			entries = append(entries, agedResult(fmt.Sprint("old", i), "b1", 9*time.Hour))
		}
		commit(t, db, entries...)
		commit(t, db, record("b1", events.BatchClose, int64(len(entries))), agedResult("young", "", 0))
		done := make(chan int)
		go func() {
			n, _ := db.Prune(t.Context(), "page", Keep{Age: time.Hour}, noon)
			done <- n
		}()
		for i := range 20 {
			commit(t, db, agedResult(fmt.Sprint("new", i), "", 0))
		}
		require.Equal(t, len(entries), <-done)
		require.Len(t, everything(t, db, events.ResultQuery{}), 21)
		require.EqualValues(t, len(entries), batchOf(t, db, "b1").Ended())
	})
}
