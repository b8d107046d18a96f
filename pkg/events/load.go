package events

import (
	"fmt"
	"strconv"
)

// Load tells how busy a worker is. It is in the statistics of its service (NATS micro), and the answer to a request to LoadSubject.
type Load struct {
	Limit    int  `json:"limit"`     // items that may be at work at the same time
	Adaptive bool `json:"adaptive"`  // whether the worker finds its limit by itself
	InFlight int  `json:"in_flight"` // items at work; for a moment more than the limit after it has been lowered, or when parked ones go on
	Parked   int  `json:"parked"`    // items that only wait, for the turn of their host for example, and have no place

	// Rate is how many items per second have ended lately, and Capacity how many would if all places were at work all the time and items took
	// as long as they did lately; 0 if none has ended yet.
	Rate     float64 `json:"rate,omitempty"`
	Capacity float64 `json:"capacity,omitempty"`
	// CPUs is how many processors a worker that computes may use, and CPUShare the share of them that it was given; 0 if the limit has
	// nothing to do with them.
	CPUs     float64 `json:"cpus,omitempty"`
	CPUShare float64 `json:"cpu_share,omitempty"`

	// Hosts are those that a fetcher does not simply ask, the worst first, at most 20.
	Hosts []HostStatus `json:"hosts,omitempty"`
}

// OfCPUs tells, for people, of which share of which processors the limit was made, such as " (0.75 of 2 CPUs)"; nothing if it was not.
func (l Load) OfCPUs() string {
	if l.CPUs == 0 {
		return ""
	}
	share := "all"
	if l.CPUShare < 1 {
		share = strconv.FormatFloat(l.CPUShare, 'g', 3, 64)
	}
	return fmt.Sprintf(" (%s of %s CPUs)", share, strconv.FormatFloat(l.CPUs, 'g', 3, 64))
}
