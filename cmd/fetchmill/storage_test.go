package main

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/store"
)

func TestStorageFlags(t *testing.T) {
	parse := func(args ...string) (app.Config, error) {
		var c commands
		parser, err := newParser(&c, io.Discard, io.Discard)
		require.NoError(t, err)
		_, err = parser.Parse(append([]string{"sink"}, args...))
		var cfg app.Config
		c.Sink.storage.apply(&cfg)
		return cfg, err
	}
	cfg, err := parse()
	require.NoError(t, err)
	require.Equal(t, store.Keep{Least: time.Hour}, cfg.Retention.Keep)
	require.Empty(t, cfg.Retention.Recipes)

	cfg, err = parse("--keep-age", "uptime=2d", "--keep-age=30d", "--keep-count", "1000", "--keep-count", "page=0", "--keep-least", "10m", "--keep-count=uptime=7")
	require.NoError(t, err)
	least := 10 * time.Minute
	require.Equal(t, store.Keep{Age: 720 * time.Hour, Count: 1000, Least: least}, cfg.Retention.Keep)
	require.Equal(t, map[string]store.Keep{
		"uptime": {Age: 48 * time.Hour, Count: 7, Least: least}, "page": {Age: 720 * time.Hour, Least: least},
	}, cfg.Retention.Recipes)

	for _, args := range [][]string{{"--keep-age", "soon"}, {"--keep-age=page=-1h"}, {"--keep-age", "9999999d"}, {"--keep-count", "page=some"}, {"--keep-count=-3"}} {
		_, err := parse(args...)
		require.ErrorContains(t, err, "does not say how", args)
	}
}
