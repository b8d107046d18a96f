package natsjs

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPendingListIsAMapByNumber(t *testing.T) {
	var list pendingList
	model := map[uint64]*publication{}
	var numbers []uint64 // of the model, the oldest first
	for step := range 20_000 {
		if step%3 > 0 || len(model) == 0 {
			pub := new(publication)
			number := list.add(pub)
			_, known := model[number]
			require.False(t, known, "it was given to another")
			model[number] = pub
			numbers = append(numbers, number)
			continue
		}
		i := rand.N(min(len(numbers), 50))
		number := numbers[i]
		numbers = slices.Delete(numbers, i, i+1)
		require.Same(t, model[number], list.take(number))
		require.Nil(t, list.take(number), "it is taken once")
		delete(model, number)
	}
	require.Equal(t, model, maps.Collect(list.all()))
	for number := range list.all() {
		require.NotNil(t, list.take(number))
	}
	require.Empty(t, list.list)
	require.Nil(t, list.take(1<<63))
}

func TestHeldSetIsASet(t *testing.T) {
	var set heldSet
	model := map[*Delivery]bool{}
	var all []*Delivery
	for range 5_000 {
		if rand.N(2) == 0 || len(all) == 0 {
			d := new(Delivery)
			all = append(all, d)
			set.add(d)
			model[d] = true
			continue
		}
		d := all[rand.N(len(all))]
		require.Equal(t, model[d], set.remove(d))
		delete(model, d)
	}
	got := map[*Delivery]bool{}
	for _, d := range set.list {
		got[d] = true
	}
	require.Equal(t, model, got)
	require.Len(t, set.list, len(model))
}
