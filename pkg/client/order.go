package client

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Bounds of what is put in order together: it is held in memory.
const (
	lookAheadItems = 65_536
	lookAheadBytes = 32 << 20
	// lookAheadTime is how long an item waits for the next one: a sequence may never end.
	lookAheadTime = 100 * time.Millisecond
)

// costOf makes what reads the cost of a message, from what is known of the recipe; nil if nothing is.
func costOf(opened events.BatchOpened) func(letter) float64 {
	if opened.Cost == "" {
		return nil
	}
	return func(l letter) float64 {
		text := string(l.msg.Data)
		if text != "" && text[0] == '{' {
			var given map[string]json.RawMessage
			if json.Unmarshal(l.msg.Data, &given) != nil {
				return 0
			}
			text = string(given[opened.Cost])
		} else if opened.Cost != opened.Primary {
			return 0
		}
		cost, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0
		}
		return cost
	}
}

// slowestFirst hands letters on in the order of their cost, the highest first, as many at a time as are there or are looked ahead; so that
// the longest job is not begun last, when all other workers have nothing to do any more. Indexes stay those of the sequence.
func slowestFirst(ctx context.Context, in <-chan letter, cost func(letter) float64) <-chan letter {
	out := make(chan letter)
	go func() {
		defer close(out)
		for more := true; more; {
			var window []priced
			window, more = gather(ctx, in, cost)
			slices.SortStableFunc(window, func(a, b priced) int { return cmp.Compare(b.cost, a.cost) })
			for _, p := range window {
				select {
				case out <- p.letter:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out
}

type priced struct {
	letter
	cost float64
}

// gather takes what there is. What ends the sequence with an error stays last.
func gather(ctx context.Context, in <-chan letter, cost func(letter) float64) (window []priced, more bool) {
	bytes := 0
	var idle <-chan time.Time
	timer := time.NewTimer(lookAheadTime)
	defer timer.Stop()
	for len(window) < lookAheadItems && bytes < lookAheadBytes {
		select {
		case l, ok := <-in:
			if !ok {
				return window, false
			}
			if l.err != nil {
				return append(window, priced{l, -1}), true
			}
			window = append(window, priced{l, max(0, cost(l))})
			bytes += len(l.msg.Data)
			timer.Reset(lookAheadTime)
			idle = timer.C
		case <-idle:
			if len(in) == 0 {
				return window, true
			}
			timer.Reset(lookAheadTime) // not the sequence was late but this goroutine
		case <-ctx.Done():
			return window, false
		}
	}
	return window, true
}
