package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/internal/web"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Query answers what people and programs ask about results, over NATS with Answer and over HTTP with Register.
type Query struct {
	db  *store.DB
	log *slog.Logger
}

// NewQuery returns a Query on db.
func NewQuery(db *store.DB, log *slog.Logger) *Query { return &Query{db: db, log: log} }

// Answer answers a request to one of the subjects events.SubjectQuery…: JSON in, JSON out. An empty request asks for everything.
func (q *Query) Answer(ctx context.Context, subject string, request []byte) ([]byte, *events.Problem) {
	switch subject {
	case events.SubjectQueryResults:
		return answer(ctx, q, request, q.db.Results)
	case events.SubjectQueryCounts:
		return answer(ctx, q, request, q.db.Counts)
	case events.SubjectQueryBatches:
		return answer(ctx, q, request, q.db.Batches)
	case events.SubjectQueryTargets:
		return answer(ctx, q, request, q.db.Targets)
	case events.SubjectQueryTarget:
		return answer(ctx, q, request, q.target)
	case events.SubjectQueryIncidents:
		return answer(ctx, q, request, q.db.Incidents)
	case events.SubjectQueryWindows:
		return answer(ctx, q, request, q.db.Windows)
	case events.SubjectQueryWindow:
		return answer(ctx, q, request, q.window)
	default:
		return nil, web.NewProblem(http.StatusNotFound, "", fmt.Sprintf("nothing answers on %.80q: use %s, %s, %s, %s, %s, %s, %s or %s", subject,
			events.SubjectQueryResults, events.SubjectQueryCounts, events.SubjectQueryBatches,
			events.SubjectQueryTargets, events.SubjectQueryTarget, events.SubjectQueryIncidents,
			events.SubjectQueryWindows, events.SubjectQueryWindow))
	}
}

func answer[Q, A any](ctx context.Context, q *Query, request []byte, ask func(context.Context, Q) (A, error)) ([]byte, *events.Problem) {
	query, err := decodeQuery[Q](request)
	if err != nil {
		return nil, badQuery(err)
	}
	a, err := ask(ctx, query)
	if err != nil {
		return nil, q.problem(err)
	}
	data, err := encode(a)
	if err != nil {
		return nil, q.problem(err)
	}
	return data, nil
}

// problem turns an error of the database into what the asker gets; the details of a fault of ours stay in the log.
func (q *Query) problem(err error) *events.Problem {
	switch {
	case errors.Is(err, store.ErrQuery):
		return web.NewProblem(http.StatusBadRequest, events.ReasonBadInput, strings.TrimPrefix(err.Error(), store.ErrQuery.Error()+": "))
	case errors.Is(err, errNoTarget), errors.Is(err, errNoWindow):
		return web.NewProblem(http.StatusNotFound, "", err.Error())
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return web.NewProblem(http.StatusServiceUnavailable, "", "the query was given up before it was answered: ask for less, or again")
	default:
		q.log.Error("cannot answer a query", logError, err)
		return web.NewProblem(http.StatusInternalServerError, events.ReasonInternal, "the database could not be read: see the log of the sink")
	}
}

// badQuery is the answer to a query that cannot be read.
func badQuery(err error) *events.Problem {
	return web.NewProblem(http.StatusBadRequest, events.ReasonBadInput, err.Error())
}

// decodeQuery reads a query of type Q and refuses fields that Q does not have: a misspelt filter must not select everything.
func decodeQuery[Q any](data []byte) (Q, error) {
	var q Q
	if len(bytes.TrimSpace(data)) == 0 {
		return q, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return q, fmt.Errorf("the request is not a JSON object: use an object with any of %s", strings.Join(fieldsOf[Q](), ", "))
	}
	for name := range fields {
		if err := known[Q](name); err != nil {
			return q, err
		}
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&q); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return q, fmt.Errorf("%s must be a %s, not a %s", wrong.Field, kindName(wrong.Type), wrong.Value)
		}
		if _, ok := errors.AsType[*time.ParseError](err); ok {
			return q, fmt.Errorf("the request has a time that cannot be read: write it as 2026-01-31T12:00:00Z: %w", err)
		}
		return q, fmt.Errorf("the request cannot be read: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return q, errors.New("the request has something after the JSON object: send one object")
	}
	return q, nil
}

func known[Q any](name string) error {
	all := fieldsOf[Q]()
	switch {
	case slices.Contains(all, name):
		return nil
	case len(all) == 0:
		return fmt.Errorf("%.80q is not known here: this takes no parameters", name)
	default:
		return fmt.Errorf("%.80q is not known here: use %s", name, strings.Join(all, ", "))
	}
}

// fieldsOf lists the JSON names of a query's fields, which are also its URL parameters.
func fieldsOf[Q any]() []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Q]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Slice:
		return "list"
	case reflect.Bool:
		return "boolean"
	default:
		return "whole number"
	}
}
