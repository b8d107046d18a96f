package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// view shows how far the batches are: on a terminal as bars that grow, otherwise as a line now and then.
type view struct {
	w     io.Writer
	live  bool
	paint paint
	start time.Time

	mu     sync.Mutex
	states []events.Batch
	drawn  bool
	said   time.Time
}

const (
	barWidth  = 32
	sayEvery  = time.Second
	clearLine = "\x1b[2K"
)

func newView(w io.Writer, live bool, p paint, batches []batch) *view {
	v := &view{w: w, live: live, paint: p, start: time.Now(), said: time.Now()}
	for _, b := range batches {
		v.states = append(v.states, events.Batch{Batch: b.name, Total: int64(len(b.items))})
	}
	return v
}

func (v *view) show(i int, now events.Batch) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now.Total = v.states[i].Total // known here before the sink knows it
	v.states[i] = now
	switch {
	case v.live:
		v.draw()
	case time.Since(v.said) >= sayEvery:
		v.say()
	}
}

// end shows the last state and leaves it there.
func (v *view) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.live {
		v.draw()
	} else {
		v.say()
	}
	fmt.Fprintln(v.w)
}

func (v *view) draw() {
	var b strings.Builder
	if v.drawn {
		fmt.Fprintf(&b, "\x1b[%dA", len(v.states)) // up to the first bar
	}
	v.drawn = true
	for _, s := range v.states {
		b.WriteString(clearLine + v.bar(s) + "\n")
	}
	_, _ = io.WriteString(v.w, b.String()) // the work goes on if nobody sees it
}

// bar is a line such as "  uptime    ████████████░░░░  180 of 230   150 ok   30 failed".
func (v *view) bar(s events.Batch) string {
	cells := func(n int64) int { return int(n * barWidth / max(1, s.Total)) }
	okCells, allCells := cells(s.OK), cells(s.Ended())
	bar := v.paint.green(strings.Repeat("█", okCells)) + v.paint.red(strings.Repeat("█", allCells-okCells)) +
		v.paint.dim(strings.Repeat("░", barWidth-allCells))
	return fmt.Sprintf("  %-10s%s %3d of %3d %4d ok %3d failed", s.Batch, bar, s.Ended(), s.Total, s.OK, s.Failed+s.Cancelled)
}

func (v *view) say() {
	v.said = time.Now()
	parts := make([]string, 0, len(v.states))
	for _, s := range v.states {
		parts = append(parts, fmt.Sprintf("%s %d of %d", s.Batch, s.Ended(), s.Total))
	}
	fmt.Fprintf(v.w, "  after %.1f s: %s\n", time.Since(v.start).Seconds(), strings.Join(parts, ", "))
}
