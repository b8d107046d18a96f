package useragent

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNew_needs_no_settings(t *testing.T) {
	cfg, err := Config{}.withDefaults()
	require.NoError(t, err)
	require.Equal(t, "fetchmill/0.0.0-dev (+https://github.com/fetchmill/fetchmill)", cfg.UserAgent)
	require.EqualValues(t, 512<<10, cfg.InlineBytes)
	require.EqualValues(t, 64<<20, cfg.MaxBodyBytes)
	require.Equal(t, 10, cfg.MaxRedirects)
	require.Equal(t, cfg.Concurrency, cfg.MaxIdleConnsPerHost)
}

func TestNew_reports_all_faults(t *testing.T) {
	_, err := New(Config{MaxBodyBytes: -1, MaxRedirects: -1, UserAgent: "a\r\nb"})
	require.ErrorContains(t, err, "largest body must not be negative")
	require.ErrorContains(t, err, "most redirects must not be negative")
	require.ErrorContains(t, err, "user agent")
}
