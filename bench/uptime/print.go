package uptime

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "%d targets every %g s, watched for %.0f s: %d checks were due, %d have no result, %d failed\n\n",
		r.Targets, r.Interval, r.Seconds, r.Due, r.Missing, r.Failed)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "late by, in ms\tmedian\tp99\tmost\t")
	for _, row := range []struct {
		name string
		Lateness
	}{{"ordered", r.Ordered}, {"begun", r.Begun}, {"ended", r.Ended}} {
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.0f\t\n", row.name, row.P50, row.P99, row.Max)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, `
CPU %.1f %% of one, %.0f µs a check (all services, broker and database); the site %.1f %%; peak %d MiB.
Applying the targets took %.0f ms; listing 100 of them with all that is known %.0f ms.
`, r.CPUPercent, r.CPUMicros, r.SitePercent, r.PeakBytes>>20, r.ApplyMS, r.ListMS)
	return err
}
