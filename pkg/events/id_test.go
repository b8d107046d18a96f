package events_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestIDs(t *testing.T) {
	t.Run("from a key are the same for ever", func(t *testing.T) {
		// These stand in databases: a change would count finished work a second time.
		require.Equal(t, "kSEOC8GKOVGE196NRUJ49IRTP4G", events.IDFromKey(""))
		require.Equal(t, "k1ENU48AMQ9KOO51RGO208HMJCO", events.IDFromKey("order-1"))
		require.Equal(t, "kF0VEDCCA1PERMFR48ST6MMBMQC", events.IDFromKey("https://example.com/shop\nevent-1"))
	})

	t.Run("from a place in a stream are the same for a redelivery", func(t *testing.T) {
		require.Equal(t, "s327TI472HHVHA0000000000058", events.IDFromSequence(42, submitted))
		require.Equal(t, events.IDFromSequence(42, submitted), events.IDFromSequence(42, submitted.In(time.FixedZone("", 3600))))
	})

	t.Run("from places in a stream sort like the places", func(t *testing.T) {
		var ids []string
		for _, at := range []time.Time{submitted, submitted.Add(1), submitted.Add(time.Hour)} {
			for _, seq := range []uint64{1, 2, 255, 256, 1 << 40} {
				ids = append(ids, events.IDFromSequence(seq, at))
			}
		}
		require.True(t, slices.IsSorted(ids))
		require.Len(t, slices.Compact(ids), 15)
	})

	t.Run("of a stream made anew differ", func(t *testing.T) {
		require.NotEqual(t, events.IDFromSequence(1, submitted), events.IDFromSequence(1, finished))
	})

	t.Run("made anew are unique and sort by time", func(t *testing.T) {
		seen := map[string]bool{}
		for range 10_000 {
			seen[events.NewID(submitted)] = true
		}
		require.Len(t, seen, 10_000)
		require.Less(t, events.NewID(submitted), events.NewID(submitted.Add(1)))
	})

	t.Run("of different origin never meet, and can stand in headers and paths", func(t *testing.T) {
		form := regexp.MustCompile(`^[krs][0-9A-V]{26}$`)
		for prefix, id := range map[string]string{
			"k": events.IDFromKey("x"), "s": events.IDFromSequence(1, submitted), "r": events.NewID(submitted),
		} {
			require.Regexp(t, form, id)
			require.True(t, strings.HasPrefix(id, prefix))
		}
	})

	t.Run("of messages tell the steps of an item apart", func(t *testing.T) {
		require.Equal(t, "s1.crunch", events.MsgID("s1", events.StageCrunch))
	})
}

func TestIsID(t *testing.T) {
	for _, id := range []string{events.IDFromKey("x"), events.NewID(time.Now()), events.IDFromSequence(7, time.Now())} {
		require.True(t, events.IsID(id), id)
	}
	for _, id := range []string{"", "monday", "k", events.IDFromKey("x") + "0", strings.ToLower(events.IDFromKey("x"))} {
		require.False(t, events.IsID(id), id)
	}
}
