package sweep

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "URLs fetched for %g s after %g s of warm-up, on %d CPUs; median of %d\n", r.Seconds, r.WarmUpSeconds, r.CPUs, r.Rounds)
	for _, s := range r.Sweeps {
		fmt.Fprintf(w, "\nThe server answers after %g ms:\n\n", s.LatencyMS)
		t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "concurrency\titems/s\tof best\tµs/item\tsite CPU s\tpeak MiB\t")
		var best float64
		for _, one := range s.Settings {
			if one.Concurrency == s.Best {
				best = one.PerSecond
			}
		}
		for _, one := range s.Settings {
			concurrency := strconv.Itoa(one.Concurrency)
			if one.Concurrency == adaptive {
				concurrency = fmt.Sprintf("adaptive, now %d", one.Limit)
			}
			cpu := "?"
			if one.SiteCPUSeconds > 0 {
				cpu = strconv.FormatFloat(one.SiteCPUSeconds, 'f', 2, 64)
			}
			fmt.Fprintf(t, "%s\t%.0f\t%.0f %%\t%.0f\t%s\t%d\t\n",
				concurrency, one.PerSecond, 100*one.PerSecond/best, one.CPUMicrosItem, cpu, one.PeakBytes>>20)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprint(w, `
CPU time and memory are those of all services, broker, database and submitting. The site has a
process of its own on the same machine.
`)
	return err
}
