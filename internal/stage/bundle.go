package stage

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/fetchmill/fetchmill/internal/natsjs"
)

// slowAfter is how long a worker may be at a bundle before the rest of it goes to others.
const slowAfter = 2 * time.Millisecond

// judged is a message about which a handler has decided.
type judged struct {
	delivery *natsjs.Delivery
	verdict  Verdict
	started  time.Time
}

// oneByOne handles the messages of a bundle one after the other, and then carries out all verdicts together. When that takes
// longer than expected, the messages that it has not come to go to other workers, and the verdicts reached are carried out,
// so that nothing waits behind a slow operation. One that parks gives the rest back by itself.
func (r *Runner) oneByOne(ctx context.Context, b *natsjs.Bundle, handler Handler) {
	var mu sync.Mutex
	var done []judged
	carryOut := func() {
		mu.Lock()
		list := done
		done = nil
		mu.Unlock()
		r.carryOut(ctx, list)
	}
	if b.Len() > 1 {
		var slow sync.WaitGroup
		slow.Add(1)
		timer := time.AfterFunc(slowAfter, func() {
			defer slow.Done()
			b.Return()
			carryOut()
		})
		defer func() {
			if timer.Stop() {
				return
			}
			slow.Wait()
		}()
	}
	park := b.Park
	for d := b.Next(); d != nil; d = b.Next() {
		j := r.judge(ctx, park, d, handler)
		mu.Lock()
		done = append(done, j)
		mu.Unlock()
	}
	b.Free()
	carryOut()
}

func (r *Runner) judge(ctx context.Context, park func() (resume func()), d *natsjs.Delivery, handler Handler) judged {
	m, started := received(d), time.Now()
	m.park = park
	r.metrics.inFlight.Inc()
	ctx, span := r.tracing.start(ctx, m.Header)
	v := r.guard(func() []Verdict { return []Verdict{handler(ctx, m)} }, 1)[0]
	r.tracing.end(span, v.Outcome)
	return judged{d, r.tracing.carry(ctx, v), started}
}

// together handles the messages of a bundle at once.
func (r *Runner) together(ctx context.Context, b *natsjs.Bundle, handler TogetherHandler) {
	var list []Message
	var done []judged
	for d := b.Next(); d != nil; d = b.Next() {
		list = append(list, received(d))
		done = append(done, judged{delivery: d, started: time.Now()})
	}
	r.metrics.inFlight.Add(float64(len(list)))
	for i, v := range r.guard(func() []Verdict { return handler(ctx, list) }, len(list)) {
		done[i].verdict = v
	}
	b.Free()
	r.carryOut(ctx, done)
}

// guard asks a handler about n messages. One that panics, or that does not decide about a message, has not done its work:
// the message comes again.
func (r *Runner) guard(handle func() []Verdict, n int) (verdicts []Verdict) {
	undecided := slices.Repeat([]Verdict{Again(time.Second)}, n)
	defer func() {
		if p := recover(); p != nil {
			r.env.Log.Error("handler panicked; its messages come again", "stage", string(r.cfg.Stage), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			verdicts = undecided
		}
	}()
	verdicts = handle()
	if len(verdicts) != n || slices.ContainsFunc(verdicts, func(v Verdict) bool { return v.Outcome == "" }) {
		r.env.Log.Error("handler did not decide about all its messages; they come again", "stage", string(r.cfg.Stage), "messages", n, "verdicts", len(verdicts))
		return undecided
	}
	return verdicts
}

func received(d *natsjs.Delivery) Message {
	from := d.Header()
	header := make(map[string]string, len(from))
	for k, v := range from {
		if len(v) > 0 {
			header[k] = v[0]
		}
	}
	return Message{
		Subject: d.Subject, Header: header, Data: d.Data(),
		Seq: d.Seq, Stored: d.Stored, Delivery: d.Attempt,
	}
}
