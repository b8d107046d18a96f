package cpu

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "%d CPUs; seconds, median of %d\n\n", r.CPUs, r.Rounds)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\titems\tms each\t")
	for _, name := range contenders() {
		fmt.Fprintf(t, "%s\t", name)
	}
	fmt.Fprintln(t, "pipeline of errgroup\t")
	for _, l := range r.Loads {
		fmt.Fprintf(t, "%s\t%d\t%.2f\t", l.Name, l.Items, l.MSEach)
		for _, name := range contenders() {
			if s, ok := l.Seconds[name]; ok {
				fmt.Fprintf(t, "%.3f\t", s)
			} else {
				fmt.Fprint(t, "-\t")
			}
		}
		fmt.Fprintf(t, "%.2f\t\n", l.OfParallel)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, l := range r.Loads {
		if l.Note != "" {
			fmt.Fprintf(w, "%s: %s\n", l.Name, l.Note)
		}
	}
	if r.Python != "" {
		fmt.Fprintf(w, "Python was left out: %s\n", r.Python)
	}
	fmt.Fprint(w, "\nItems that count, by how long one takes:\n\n")
	t = tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "ms each\titems\tserial loop\terrgroup\tpipeline\tof errgroup\tof the loop\t")
	for _, s := range r.Sweep {
		fmt.Fprintf(t, "%.2f\t%d\t%.3f\t%.3f\t%.3f\t%.2f\t%.2f\t\n", s.MS, s.Items, s.Serial, s.Parallel, s.Pipeline, s.OfParallel, s.OfSerial)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nThe pipeline beats a loop from %s an item on, and does 90 %% of goroutines from %s on.\n"+
		"It is the whole of it, in this process: submitting, broker, all services, database.\n", size(r.Pays), size(r.Nearly))
	return err
}

func size(ms *float64) string {
	if ms == nil {
		return "no size of those measured"
	}
	return fmt.Sprintf("%.2g ms", *ms)
}
