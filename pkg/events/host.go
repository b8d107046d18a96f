package events

import "time"

// HostState says why a fetcher does not simply ask a host.
type HostState string

// The states, the worst first.
const (
	HostBroken  HostState = "broken"  // it does not answer
	HostPaused  HostState = "paused"  // it has asked to slow down
	HostLimited HostState = "limited" // requests wait for their turn
)

// HostStatus is a host that a fetcher does not simply ask, as that fetcher sees it.
type HostStatus struct {
	Host     string        `json:"host"`
	State    HostState     `json:"state"`
	For      time.Duration `json:"for_ns,omitempty"` // until the next request can try, if that is known
	InFlight int           `json:"in_flight"`
	Waiting  int           `json:"waiting"`
	Window   int           `json:"window"`             // requests at the same time that it has earned
	Failures int           `json:"failures,omitempty"` // in a row
	Last     string        `json:"last,omitempty"`     // what went wrong
}
