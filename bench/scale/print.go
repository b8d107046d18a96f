package scale

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "Measured for %g s each, on %d CPUs; median of %d\n", r.Seconds, r.CPUs, r.Rounds)
	if len(r.Fetchers) > 0 {
		fmt.Fprintf(w, "\nFetchers, each with %d items at a time, of a server that answers after %g ms:\n\n", r.Concurrency, r.LatencyMS)
		t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "processes\titems/s\tideal\tof linear\tCPUs used\t")
		for _, p := range r.Fetchers {
			fmt.Fprintf(t, "%d\t%.0f\t%.0f\t%.1f %%\t%.2f\t\n", p.Processes, p.PerSecond, p.Ideal, 100*p.OfLinear, p.CPUs)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if len(r.Crunchers) > 0 {
		fmt.Fprintf(w, "\nCrunchers, each with one worker, of items that increment a number %d times:\n\n", r.Increments)
		t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "processes\titems/s\tof linear\tCPUs used\t")
		for _, p := range r.Crunchers {
			fmt.Fprintf(t, "%d\t%.1f\t%.1f %%\t%.2f\t\n", p.Processes, p.PerSecond, 100*p.OfLinear, p.CPUs)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if s := r.Starts; s != nil {
		fmt.Fprintf(w, "\nA fetcher that is started under load has its first item after %.0f ms (at most %.0f ms, of %d)\n", s.MedianMS, s.MostMS, len(s.AllMS))
	}
	if d := r.Down; d != nil {
		fmt.Fprintf(w, "From %d to %d fetchers under load: %d items submitted, %d results, %d of them ok, %d delivered again; each ended within %.0f ms\n",
			d.From, d.To, d.Submitted, d.Rows, d.OK, d.Redelivered, d.MostStopMS)
	}
	return nil
}
