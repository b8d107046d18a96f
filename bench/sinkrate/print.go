package sinkrate

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(t, "\trows/s\tCPU/row\tof the bare loop\tof without\t\n")
	for _, d := range r.Databases {
		type line struct {
			name        string
			f           Figures
			of, without string
		}
		share := func(f float64) string { return fmt.Sprintf("%.2f", f) }
		lines := []line{{"bare loop", d.Bare, "", ""}, {"store", d.Store, share(d.StoreOf), ""}, {"whole sink", d.Sink, share(d.SinkOf), ""}}
		more := func(with string, m More) {
			lines = append(lines, line{"store with " + with, m.Store, "", share(m.StoreOf)}, line{"whole sink with " + with, m.Sink, "", share(m.SinkOf)})
		}
		if d.Reduced != nil {
			more("reductions", d.Reduced.More)
		}
		if d.Windowed != nil {
			more("windows", d.Windowed.More)
		}
		for _, l := range lines {
			_, _ = fmt.Fprintf(t, "%s, %s\t%.0f\t%.0f µs\t%s\t%s\t\n", d.Name, l.name, l.f.PerSecond, l.f.CPUMicrosRow, l.of, l.without)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d rows about %d hosts in each of %d rounds, %d in a transaction, on %d CPUs; medians.\n", r.Rows, r.Hosts, r.Rounds, r.Group, r.CPUs)
	return err
}
