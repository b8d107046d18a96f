package ingest

import (
	"errors"
	"net/http"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/web"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// ProblemOf turns an error into an answer: a Refusal is the sender's to put right, everything else is not.
func ProblemOf(err error) *events.Problem {
	if p, ok := errors.AsType[*events.Problem](err); ok {
		return p
	}
	if errors.Is(err, stage.ErrFull) {
		return web.NewProblem(http.StatusServiceUnavailable, "", "the stream is full: nothing was dropped; wait a moment and send it again")
	}
	r, ok := errors.AsType[*Refusal](err)
	if !ok {
		return web.NewProblem(http.StatusServiceUnavailable, events.ReasonInternal, "it could not be handed to the broker: "+err.Error())
	}
	status := http.StatusBadRequest
	switch r.Reason {
	case events.ReasonUnknownRecipe:
		status = http.StatusNotFound
	case events.ReasonTooLarge:
		status = http.StatusRequestEntityTooLarge
	case events.ReasonInternal:
		status = http.StatusInternalServerError
	}
	return web.NewProblem(status, r.Reason, r.Error())
}
