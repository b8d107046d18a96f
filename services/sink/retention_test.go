package sink

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestRetention(t *testing.T) {
	db := openDB(t)
	var entries []store.Entry
	for _, recipe := range []string{"page", "json", "uptime"} {
		r := result(recipe, "")
		r.Recipe, r.Finished = recipe, time.Now().Add(-3*time.Hour)
		entries = append(entries, store.Entry{Result: r})
	}
	young := result("young", "")
	young.Finished = time.Now()
	_, err := db.Commit(context.Background(), append(entries, store.Entry{Result: young}))
	require.NoError(t, err)

	var log records
	metrics := prometheus.NewRegistry()
	x, err := NewRetention(db, RetentionConfig{
		Keep: store.Keep{Age: 2 * time.Hour}, Recipes: map[string]store.Keep{"uptime": {}, "json": {Count: 1}},
	}, time.Now, metrics, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	x.first, x.every = 0, time.Millisecond
	start(t, x.Run)
	// It is told when all are deleted.
	require.Eventually(t, func() bool { return strings.Contains(log.String(), `msg="old results deleted" recipe=page results=1`) }, patience, time.Millisecond)
	var left []string
	for _, r := range stored(t, db) {
		left = append(left, r.ID)
	}
	require.Equal(t, []string{"json", "uptime", "young"}, left)
	gathered, err := metrics.Gather()
	require.NoError(t, err)
	require.Equal(t, "fetchmill_sink_results_deleted_total", gathered[0].GetName())
	require.InDelta(t, 1, gathered[0].GetMetric()[0].GetCounter().GetValue(), 0)
	counts, err := db.Counts(context.Background(), events.CountQuery{Recipe: "page"})
	require.NoError(t, err)
	require.EqualValues(t, 2, counts.Counts[0].Count)
}
