package uptime

import (
	"context"
	"slices"
	"time"

	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// collect reads the results of the regular checks that were due in a time, once they are all there or some time has passed.
func collect(ctx context.Context, c *client.Client, from, until uptime.Instant, r *Report) error {
	latest := time.Now().Add(settle)
	for {
		found, err := read(ctx, c, from, until)
		if err != nil {
			return err
		}
		if len(found.ordered) >= r.Due || time.Now().After(latest) {
			r.Missing, r.Failed = r.Due-len(found.ordered), found.failed
			r.Ordered, r.Begun, r.Ended = lateness(found.ordered), lateness(found.begun), lateness(found.ended)
			return nil
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// checks are how late they were, in milliseconds.
type checks struct {
	ordered, begun, ended []float64
	failed                int
}

func read(ctx context.Context, c *client.Client, from, until uptime.Instant) (all checks, err error) {
	for result, err := range c.Results(ctx, events.ResultQuery{Recipe: "uptime", Limit: 1000}) {
		if err != nil {
			return all, err
		}
		id, ok := events.ParseCheckID(result.ID)
		if at := uptime.Instant(id.At); !ok || id.Recheck || at < from || at >= until {
			continue
		}
		late := func(t time.Time) float64 { return float64(t.Sub(id.Time()).Microseconds()) / 1000 }
		ended, elapsed := late(result.Finished), 0.0
		if result.Fetch != nil {
			elapsed = result.Fetch.ElapsedMS
		}
		// It had begun by then: the result is made after the answer has come.
		all.ordered, all.begun, all.ended = append(all.ordered, late(result.Submitted)), append(all.begun, ended-elapsed), append(all.ended, ended)
		if result.Status != events.StatusOK {
			all.failed++
		}
	}
	return all, nil
}

func lateness(list []float64) Lateness {
	if len(list) == 0 {
		return Lateness{}
	}
	slices.Sort(list)
	at := func(q float64) float64 { return list[int(q*float64(len(list)-1))] }
	return Lateness{P50: at(0.5), P99: at(0.99), Max: at(1)}
}
