package demo

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// summary is what came of one batch.
type summary struct {
	recipe    string
	items, ok int
	outcomes  []*outcome // ok first, then by number
}

// outcome is one way in which items ended.
type outcome struct {
	name        string // ok, or the reason
	items       int
	least, most int // attempts
	elapsed     []float64
}

// summarise reads all results and aggregates them by recipe and outcome.
func summarise(ctx context.Context, c *client.Client, batches []batch) ([]summary, error) {
	sums := make([]summary, 0, len(batches))
	for _, b := range batches {
		s := summary{recipe: b.recipe}
		for r, err := range c.Results(ctx, events.ResultQuery{Batch: b.name}) {
			if err != nil {
				return nil, err
			}
			s.add(r)
		}
		s.sort()
		sums = append(sums, s)
	}
	return sums, nil
}

func (s *summary) add(r events.Result) {
	name := string(r.Reason)
	if r.Status == events.StatusOK {
		name = string(r.Status)
		s.ok++
	}
	s.items++
	i := slices.IndexFunc(s.outcomes, func(o *outcome) bool { return o.name == name })
	if i < 0 {
		i = len(s.outcomes)
		s.outcomes = append(s.outcomes, &outcome{name: name, least: r.Attempts})
	}
	o := s.outcomes[i]
	o.items++
	o.least, o.most = min(o.least, r.Attempts), max(o.most, r.Attempts)
	if r.Fetch != nil {
		o.elapsed = append(o.elapsed, r.Fetch.ElapsedMS)
	}
}

func (s *summary) sort() {
	slices.SortStableFunc(s.outcomes, func(a, b *outcome) int {
		if aOK, bOK := a.name == string(events.StatusOK), b.name == string(events.StatusOK); aOK != bOK {
			if aOK {
				return -1
			}
			return 1
		}
		if a.items != b.items {
			return b.items - a.items
		}
		return strings.Compare(a.name, b.name)
	})
	for _, o := range s.outcomes {
		slices.Sort(o.elapsed)
	}
}

// attempts is how many attempts the items needed, such as "1" or "1 to 5".
func (o *outcome) attempts() string {
	if o.least == o.most {
		return strconv.Itoa(o.most)
	}
	return fmt.Sprintf("%d to %d", o.least, o.most)
}

// quantile is the nearest-rank quantile of elapsed_ms as text, empty for items that fetch nothing.
func (o *outcome) quantile(q float64) string {
	n := len(o.elapsed)
	if n == 0 {
		return "–"
	}
	rank := min(max(int(q*float64(n)+0.999999), 1), n)
	ms := o.elapsed[rank-1]
	switch {
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.1f s", ms/1000)
	}
}

// printTable prints a block for each recipe, in at most 80 columns.
func printTable(w io.Writer, p paint, sums []summary) error {
	var b strings.Builder
	b.WriteString(p.bold(row("", "recipe", "outcome", "items", "attempts", "p50", "p95")))
	for _, s := range sums {
		b.WriteString(p.dim("  "+strings.Repeat("─", tableWidth-2)) + "\n")
		for i, o := range s.outcomes {
			recipe := s.recipe
			if i > 0 {
				recipe = ""
			}
			mark, colour := "✗", p.red
			if o.name == string(events.StatusOK) {
				mark, colour = "✓", p.green
			}
			// Colours have a width for Sprintf and none for people, so they come after the padding.
			line := row(mark, recipe, o.name, strconv.Itoa(o.items), o.attempts(), o.quantile(0.5), o.quantile(0.95))
			b.WriteString(strings.Replace(strings.Replace(line, mark, colour(mark), 1), o.name, colour(o.name), 1))
		}
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

const tableWidth = 72

func row(mark, recipe, name, items, attempts, p50, p95 string) string {
	return fmt.Sprintf("  %s%s%s%s%s%s%s\n", left(recipe, 10), left(mark, 2), left(name, 20), right(items, 7), right(attempts, 11), right(p50, 10), right(p95, 10))
}

func left(s string, width int) string  { return s + fill(s, width) }
func right(s string, width int) string { return fill(s, width) + s }

func fill(s string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
