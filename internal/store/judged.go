package store

import (
	"context"

	"github.com/fetchmill/fetchmill/internal/reduce"
)

// judged is what a result means for the reductions that it came with.
type judged = meaning[*reduce.Plan, reduce.Judgement]

// reduceBench is where results are judged by their reductions.
type reduceBench = bench[reduce.Plan, reduce.Judgement, *reduce.Plan]

func compileReductions(spec string) *reduce.Plan {
	s, err := reduce.Decode([]byte(spec))
	if err != nil || len(s) == 0 {
		return nil
	}
	p, _ := reduce.Compile(s) // a spec that was checked can be compiled
	return p
}

// judge judges the results of a group.
func (g *group) judge(ctx context.Context, b *reduceBench) error {
	for i, e := range g.entries {
		if e.Result == nil || e.Result.Batch == "" || len(e.Result.Reduce) == 0 {
			continue
		}
		if g.judged == nil {
			g.judged = make([]*judged, len(g.entries))
		}
		var err error
		if g.judged[i], err = b.judge(ctx, g.rows[g.row[i]].Result, string(e.Result.Reduce)); err != nil {
			return err
		}
	}
	return nil
}
