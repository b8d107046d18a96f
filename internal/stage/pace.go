package stage

import (
	"context"
	"sync"
	"time"

	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/internal/scaling"
)

// paceInterval is how often a runner looks at how fast it is.
const paceInterval = time.Second

// pace is a scaling.Pace for several goroutines.
type pace struct {
	mu sync.Mutex
	scaling.Pace
}

func (p *pace) add(w scaling.Work) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Add(w)
}

func (p *pace) rates() (rate, capacity float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Rate(), p.Capacity()
}

// watchPace looks at how fast the runner is until intake ends. The returned function waits for its end.
func (r *Runner) watchPace(intake context.Context, s *natsjs.Subscriber) (wait func()) {
	ctx, stop := context.WithCancel(intake)
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(paceInterval)
		defer tick.Stop()
		for {
			l := s.Load()
			r.pace.add(scaling.Work{At: time.Now(), Ended: r.ended.Load(), Busy: l.Busy, Limit: l.Limit})
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return func() {
		stop()
		watching.Wait()
	}
}
