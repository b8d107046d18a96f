package app

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfig_refuses_what_is_no_share_of_the_processors(t *testing.T) {
	for _, share := range []float64{0, -0.5, 1.01, math.NaN(), math.Inf(1)} {
		cfg := Default()
		cfg.CPUShare = share
		require.ErrorContains(t, cfg.validate(), "such as 0.75", share)
	}
	cfg := Default()
	cfg.CPUShare = 0.75
	require.NoError(t, cfg.validate())
	cfg.Crunchers = 2
	require.ErrorContains(t, cfg.validate(), "use one of --cpu-share and -c or --crunchers")
	cfg.CPUShare = 1
	require.NoError(t, cfg.validate())
}
