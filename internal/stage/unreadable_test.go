package stage_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestUnreadable(t *testing.T) {
	for name, data := range map[string]string{
		"an empty message": "",
		"no JSON":          "\xff\x00 hello",
		"another record":   `{"status":"ok"}`,
		"an unknown lane":  `{"id":"i","recipe":"r","lane":"express"}`,
		"a recipe that cannot stand in a subject": `{"id":"i","recipe":"a b","lane":"low"}`,
		"a recipe with an empty part":             `{"id":"i","recipe":"a..b","lane":"low"}`,
	} {
		t.Run(name+" becomes a dead letter, and the worker goes on", func(t *testing.T) {
			m := newMill(t, time.Hour)
			m.worker(events.StageCrunch, 1, quickLimits(), op("ok", func(context.Context, ops.Input) (ops.Output, error) {
				return ops.Output{}, nil
			}))
			m.put("crunch.low.ok", []byte(data), "x-own", "kept")
			m.eventuallyEmpty(topology.StreamCrunch)
			dead := m.dead(1)[0]
			require.Equal(t, "dead.crunch._", dead.Subject)
			require.Equal(t, data, string(dead.Data))
			require.Equal(t, "undecodable", dead.Header.Get(events.HeaderDeadReason))
			require.Equal(t, "kept", dead.Header.Get("x-own"))
			require.NotEmpty(t, dead.Header.Get(events.HeaderDeadError))

			m.submit(item("next", events.StageCrunch, "ok"))
			require.Equal(t, events.StatusOK, m.result().Status)
			require.Zero(t, m.left(topology.StreamResults))
		})
	}

	for _, name := range []string{"", "a b", "a..b", ".", "a.>", "*"} {
		t.Run(fmt.Sprintf("a plan that goes on to %q fails", name), func(t *testing.T) {
			m := newMill(t, time.Hour)
			m.worker(events.StageFetch, 1, quickLimits(), op("get", func(context.Context, ops.Input) (ops.Output, error) {
				return ops.Output{}, nil
			}))
			it := item("i1", events.StageFetch, "get")
			it.Plan.Crunch = []events.Step{{Op: name}}
			m.submit(it)
			require.Equal(t, events.ReasonUnknownOp, m.result().Reason)
			m.eventuallyEmpty(topology.StreamFetch)
		})
	}
}
