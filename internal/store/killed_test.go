package store

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// killed commits entries for somebody who never learns of some commits, as when the process is killed between commit and acknowledgement: it
// opens the database anew and commits them again, in another order and mixed with others.
type killed struct {
	db    *DB
	open  func() *DB
	rnd   *rand.Rand
	again []Entry
}

// killed opens a new database that ends with the test.
func (r rig) killed(t *testing.T, rnd *rand.Rand, o Options) *killed {
	t.Helper()
	url := r.fresh(t)
	open := func() *DB {
		db, err := Open(t.Context(), url, o)
		require.NoError(t, err)
		return db
	}
	k := &killed{db: open(), open: open, rnd: rnd}
	t.Cleanup(func() { require.NoError(t, k.db.Close()) })
	return k
}

// commit returns what it has committed and what came of it.
func (k *killed) commit(t *testing.T, fresh []Entry) ([]Entry, []Outcome) {
	t.Helper()
	group := slices.Concat(k.again, fresh)
	k.again = nil
	k.rnd.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
	out, err := k.db.Commit(t.Context(), group)
	require.NoError(t, err)
	if k.rnd.IntN(4) == 0 {
		k.again = slices.Clone(group)
		require.NoError(t, k.db.Close())
		k.db = k.open()
	}
	return group, out
}
