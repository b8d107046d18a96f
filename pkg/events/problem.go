package events

import (
	"encoding/json"
	"strconv"
)

// Problem is an error reply as JSON: problem details of RFC 9457, over HTTP with content type application/problem+json
// and over NATS as the data of a reply that has the headers Nats-Service-Error-Code and Nats-Service-Error.
type Problem struct {
	Type   string `json:"type"` // "about:blank": the status says it all
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"` // what to do about it
	Reason Reason `json:"reason,omitempty"`
}

// Error makes a Problem usable as an error.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Detail
}

// Code is the status as text, for the header Nats-Service-Error-Code.
func (p *Problem) Code() string { return strconv.Itoa(p.Status) }

// JSON is the problem as the data of a reply.
func (p *Problem) JSON() []byte {
	data, _ := json.Marshal(p) // strings and a number can always be encoded
	return data
}
