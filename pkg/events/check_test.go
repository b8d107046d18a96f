package events_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestCheckIDs(t *testing.T) {
	check := events.CheckID{Target: 17, At: 1_769_871_845_123, Proof: [6]byte{1, 2, 3, 4, 5, 6}}

	t.Run("are written the same for ever", func(t *testing.T) {
		require.Equal(t, "c0000048370KIKJG6041061050O", check.String()) // these stand in databases
		require.Equal(t, "uptime.c0000048370KIKJG6041061050O", check.Key())
		again := check
		again.Recheck = true
		require.NotEqual(t, check.String(), again.String())
	})

	t.Run("are the ids of items that are submitted with their keys", func(t *testing.T) {
		require.Equal(t, check.String(), events.IDFromKey(check.Key()))
		for _, key := range []string{check.String(), "uptime.", "uptime.x", check.Key() + "0", "uptime.c0000048370KIKJG6041061050P"} {
			require.Regexp(t, "^k", events.IDFromKey(key), "an ordinary key")
		}
	})

	t.Run("are read as they were written", func(t *testing.T) {
		for _, want := range []events.CheckID{check, {}, {Target: 1<<32 - 1, At: 1<<47 - 1, Recheck: true, Proof: [6]byte{255, 255, 255, 255, 255, 255}}} {
			got, ok := events.ParseCheckID(want.String())
			require.True(t, ok)
			require.Equal(t, want, got)
		}
		require.Equal(t, "2026-01-31T15:04:05.123Z", check.Time().Format("2006-01-02T15:04:05.000Z07:00"))
	})

	t.Run("are not confused with others", func(t *testing.T) {
		for _, id := range []string{"", "c", "k0000048370KIKJG6041061050O", "c0000048370KIKJG6041061050", "c0000048370kikjg6041061050o", events.IDFromKey("x")} {
			_, ok := events.ParseCheckID(id)
			require.False(t, ok, id)
		}
	})
}

func FuzzParseCheckID(f *testing.F) {
	f.Add("c0000048370KIKJG6041061050O")
	f.Fuzz(func(t *testing.T, id string) {
		if c, ok := events.ParseCheckID(id); ok {
			require.Equal(t, id, c.String())
		}
	})
}
