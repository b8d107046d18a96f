package events

// Load tells how busy a worker is. It is in the statistics of its service (NATS micro), and the answer to a request to LoadSubject.
type Load struct {
	Limit    int  `json:"limit"`     // items that may be at work at the same time
	Adaptive bool `json:"adaptive"`  // whether the worker finds its limit by itself
	InFlight int  `json:"in_flight"` // items at work; for a moment more than the limit after it has been lowered, or when parked ones go on
	Parked   int  `json:"parked"`    // items that only wait, for the turn of their host for example, and have no place
}
