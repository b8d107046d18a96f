package iorate

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "recipe %s, on %d CPUs; median of %d\n", r.Recipe, r.CPUs, r.Rounds)
	for _, l := range r.Levels {
		fmt.Fprintf(w, "\n%d URLs that take %g ms each, %d at a time: at most %.0f per second\n\n", l.Items, l.LatencyMS, l.Concurrency, l.Ideal)
		t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "\titems/s\tof ideal\tCPU µs/item\tsite µs/item\tpeak MiB\tKiB/fetch\t")
		for _, f := range l.Contenders {
			if f.Failed != "" {
				fmt.Fprintf(t, "%s\tfailed\t\t\t\t\t\t\n", f.Name)
				continue
			}
			fmt.Fprintf(t, "%s\t%.0f\t%.0f %%\t%.0f\t%.0f\t%d\t%d\t\n",
				f.Name, f.PerSecond, 100*f.OfIdeal, f.CPUMicrosItem, f.SiteCPUMicros, f.PeakBytes>>20, f.BytesInFlight>>10)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(w, "\nThe pipeline does %.2f of the bare loop.\n", l.OfBare)
	}
	_, err := fmt.Fprint(w, `
The pipeline's CPU time and memory are those of all services, broker, database and
submitting. KiB/fetch is by how much a process has grown, for each URL in flight.
`)
	return err
}
