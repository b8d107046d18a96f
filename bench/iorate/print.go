package iorate

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "%d URLs that take %g ms each, %d at a time, recipe %s, on %d CPUs; median of %d\n\n",
		r.Items, r.LatencyMS, r.Concurrency, r.Recipe, r.CPUs, r.Rounds)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\titems/s\tof ideal\tCPU s\tµs/item\tsite CPU s\tpeak MiB\t")
	fmt.Fprintf(t, "ideal\t%.0f\t100 %%\t\t\t\t\t\n", r.Ideal)
	line := func(name string, f Figures, ofIdeal float64) {
		site := "?"
		if f.SiteCPUSeconds > 0 {
			site = strconv.FormatFloat(f.SiteCPUSeconds, 'f', 2, 64)
		}
		fmt.Fprintf(t, "%s\t%.0f\t%.0f %%\t%.2f\t%.0f\t%s\t%d\t\n",
			name, f.PerSecond, 100*ofIdeal, f.CPUSeconds, f.CPUMicrosItem, site, f.PeakBytes>>20)
	}
	line("bare loop", r.Bare, r.BareOfIdeal)
	line("pipeline", r.Pipeline, r.OfIdeal)
	if err := t.Flush(); err != nil {
		return err
	}
	busy := (r.Pipeline.CPUSeconds + r.Pipeline.SiteCPUSeconds) / r.Pipeline.Seconds
	_, err := fmt.Fprintf(w, `
The pipeline does %.2f of the bare loop. With the site it keeps %.1f of %d CPUs busy.
The pipeline's CPU time and memory are those of all services, broker, database and
submitting. Warm-up: %d items before each measurement, which are not counted.
`, r.OfBare, busy, r.CPUs, r.WarmUp)
	return err
}
