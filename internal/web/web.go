// Package web is what the HTTP APIs of all services share: answers in JSON, and problem details for what went wrong.
package web

import (
	"encoding/json"
	"net/http"

	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	typeJSON    = "application/json"
	typeProblem = "application/problem+json" // RFC 9457

	// retryAfter is when, in seconds, whoever met something unavailable may come again.
	retryAfter = "1"
)

// NewProblem makes problem details in which the status says what kind of problem it is, and detail what to do about it.
func NewProblem(status int, reason events.Reason, detail string) *events.Problem {
	return &events.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Reason: reason}
}

// WriteJSON answers with v as JSON, which nobody may keep for later.
func WriteJSON(w http.ResponseWriter, status int, v any) { write(w, typeJSON, status, v) }

// WriteProblem answers with a problem.
func WriteProblem(w http.ResponseWriter, p *events.Problem) { WriteProblemWith(w, p, p) }

// WriteProblemWith answers with a problem whose document says more: body has the members of p and others.
func WriteProblemWith(w http.ResponseWriter, p *events.Problem, body any) {
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	write(w, typeProblem, p.Status, body)
}

// write does not escape <, > and &, which would make some results six times larger. When the client has gone there is nobody to
// tell of the error.
func write(w http.ResponseWriter, contentType string, status int, body any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body)
}
