package store

import (
	"context"

	"github.com/fetchmill/fetchmill/internal/window"
)

// windowed is what a result means for the windows that it came with.
type windowed = meaning[*window.Plan, window.Judgement]

// windowBench is where results are judged by their windows.
type windowBench = bench[window.Plan, window.Judgement, *window.Plan]

func compileWindows(spec string) *window.Plan {
	s, err := window.Decode([]byte(spec))
	if err != nil {
		return nil
	}
	p, _ := window.Compile(s) // a spec that was checked can be compiled
	return p
}

// judgeWindows judges the results that may be new: the first of each id.
func (g *group) judgeWindows(ctx context.Context, b *windowBench) error {
	for n := range g.rows {
		came := g.entries[g.first[n]].Result
		if len(came.Window) == 0 {
			continue
		}
		if g.windowed == nil {
			g.windowed = make([]*windowed, len(g.rows))
		}
		r := *g.rows[n].Result // as it is stored, but for what is not
		r.Time = came.Time
		var err error
		if g.windowed[n], err = b.judge(ctx, &r, string(came.Window)); err != nil {
			return err
		}
	}
	return nil
}
