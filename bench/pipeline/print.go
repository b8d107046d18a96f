package pipeline

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(t, "\titems/s\tCPU/item\tpeak memory\tfetchmill against it\t\n")
	line := func(name string, f Figures, ratio float64) {
		if f.PerSecond == 0 {
			return
		}
		against := ""
		if ratio > 0 {
			against = fmt.Sprintf("%.2f", ratio)
		}
		_, _ = fmt.Fprintf(t, "%s\t%.0f\t%.0f µs\t%d MiB\t%s\t\n", name, f.PerSecond, f.CPUMicrosItem, f.PeakBytes>>20, against)
	}
	line("fetchmill, into its database", r.Fetchmill, 0)
	line("bare nats.go, no database", r.Bare, r.OfBare)
	line("bare nats.go, bulk insert", r.BareRows, r.OfBareRows)
	line("stock watermill-nats, no database", r.Stock, r.OfStock)
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d no-op items in each of %d rounds, on %d CPUs; medians, broker included.\n", r.Items, r.Rounds, r.CPUs)
	return err
}
