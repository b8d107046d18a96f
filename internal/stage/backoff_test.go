package stage_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/stage"
)

func TestBackoff(t *testing.T) {
	for _, b := range []stage.Backoff{
		{First: time.Second, Most: 2 * time.Minute},
		{First: time.Minute, Most: 24 * time.Hour},
		{First: time.Nanosecond, Most: time.Hour},
		{First: time.Hour, Most: time.Minute},
		{First: 7 * time.Hour, Most: 1<<63 - 1},
	} {
		t.Run(fmt.Sprintf("grows from %s to %s and no further", b.First, b.Most), func(t *testing.T) {
			for attempts := -1; attempts < 100; attempts++ {
				full := b.Most
				if f := float64(b.First) * float64(uint64(1)<<min(max(attempts, 0), 62)); f < float64(b.Most) && attempts < 63 {
					full = time.Duration(f)
				}
				d := b.Delay(attempts)
				require.LessOrEqual(t, d, full, attempts)
				require.GreaterOrEqual(t, d, full/2, attempts)
			}
		})
	}
	t.Run("of nothing is nothing", func(t *testing.T) { require.Zero(t, stage.Backoff{}.Delay(3)) })
}
