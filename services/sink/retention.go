package sink

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/store"
)

// DefaultKeepLeast is how long a result is kept whatever the retention says.
const DefaultKeepLeast = time.Hour

const (
	// tidyEvery is how often it is looked for results to delete.
	tidyEvery = time.Minute
	// tidyFirst is how long after the start: what was under way when the last sink ended is delivered again first, and finds its result.
	tidyFirst = 10 * time.Minute
)

// RetentionConfig says which results are kept; its zero value is all.
type RetentionConfig struct {
	Keep    store.Keep            // of recipes that Recipes does not name; Least is that of all
	Recipes map[string]store.Keep // by name
}

// of is what applies to a recipe.
func (c RetentionConfig) of(recipe string) store.Keep {
	keep, ok := c.Recipes[recipe]
	if !ok {
		keep = c.Keep
	}
	if keep.Least = c.Keep.Least; keep.Least == 0 {
		keep.Least = DefaultKeepLeast
	}
	return keep
}

// Retention deletes results that are not to be kept any longer.
type Retention struct {
	db           *store.DB
	cfg          RetentionConfig
	clock        *clock
	log          *slog.Logger
	deleted      prometheus.Counter
	first, every time.Duration
}

// NewRetention returns a retention loop.
func NewRetention(db *store.DB, cfg RetentionConfig, now func() time.Time, metrics prometheus.Registerer, log *slog.Logger) (*Retention, error) {
	x := &Retention{db: db, cfg: cfg, clock: newClock(now), log: log, first: tidyFirst, every: tidyEvery, deleted: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "fetchmill_sink_results_deleted_total", Help: "Results deleted because they were too old or too many to be kept.",
	})}
	if err := metrics.Register(x.deleted); err != nil {
		return nil, fmt.Errorf("retention: %w", err)
	}
	return x, nil
}

// Run deletes until ctx ends. It does nothing if everything is to be kept.
func (x *Retention) Run(ctx context.Context) {
	if x.cfg.Keep.Age == 0 && x.cfg.Keep.Count == 0 && len(x.cfg.Recipes) == 0 {
		return
	}
	for alive := host.Pause(ctx, x.first); alive; alive = host.Pause(ctx, x.every) {
		now, set := x.clock.look()
		if set > 0 {
			x.log.Warn("the clock was put forward; nothing is deleted by it for a while, so that it can be put right", logForward, set, logRest, clockDoubt)
		}
		if x.clock.doubtful() {
			continue
		}
		if err := x.tidy(ctx, now); err != nil && ctx.Err() == nil {
			x.log.Error("cannot delete old results; the next try comes by itself", logError, err)
		}
	}
}

func (x *Retention) tidy(ctx context.Context, now time.Time) error {
	recipes, err := x.db.Recipes(ctx)
	if err != nil {
		return err
	}
	for _, name := range recipes {
		n, err := x.db.Prune(ctx, name, x.cfg.of(name), now)
		x.deleted.Add(float64(n))
		if n > 0 {
			x.log.Info("old results deleted", logRecipe, name, logResults, n)
		}
		if err != nil {
			return err
		}
		n, err = x.db.PruneWindows(ctx, name, x.cfg.of(name), now)
		if n > 0 {
			x.log.Info("old windows deleted", logRecipe, name, logWindows, n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
