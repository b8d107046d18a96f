package sink

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/fetchmill/fetchmill/internal/web"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	typeNDJSON = "application/x-ndjson"

	// streamPage is how many results a stream reads at a time.
	streamPage = 1000
)

// Register adds the HTTP routes. Their URL parameters are called like the fields of the queries over NATS.
func (q *Query) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/results", q.getResults)
	mux.HandleFunc("GET /v1/results/{id}", q.getResult)
	mux.HandleFunc("GET /v1/counts", route(q, q.db.Counts))
	mux.HandleFunc("GET /v1/batches", route(q, q.db.Batches))
	mux.HandleFunc("GET /v1/batches/{id}", q.getBatch)
	mux.HandleFunc("GET /v1/targets", route(q, q.db.Targets))
	mux.HandleFunc("GET /v1/targets/{name}", q.getTarget)
	mux.HandleFunc("GET /v1/incidents", route(q, q.db.Incidents))
	mux.HandleFunc("GET /v1/windows", route(q, q.db.Windows))
	mux.HandleFunc("GET /v1/windows/{id}", q.getWindow)
}

// route is a query over HTTP, as answer is over NATS: its URL parameters are what is asked, and what is found is the answer.
func route[Asked, Found any](q *Query, find func(context.Context, Asked) (Found, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query, err := parseURL[Asked](r.URL)
		if err != nil {
			web.WriteProblem(w, badQuery(err))
			return
		}
		found, err := find(r.Context(), query)
		q.write(w, found, err)
	}
}

func (q *Query) getResults(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	query, err := parseURL[events.ResultQuery](r.URL)
	if err != nil {
		web.WriteProblem(w, badQuery(err))
		return
	}
	if accepts(r, typeNDJSON) {
		q.stream(w, r, query)
		return
	}
	page, err := q.db.Results(r.Context(), query)
	q.write(w, page, err)
}

func (q *Query) getResult(w http.ResponseWriter, r *http.Request) {
	if _, err := parseURL[struct{}](r.URL); err != nil {
		web.WriteProblem(w, badQuery(err))
		return
	}
	id := r.PathValue("id")
	page, err := q.db.Results(r.Context(), events.ResultQuery{ID: id})
	if err == nil && len(page.Results) == 0 {
		web.WriteProblem(w, web.NewProblem(http.StatusNotFound, "", fmt.Sprintf("there is no result %.80q: its item has not ended, or never was", id)))
		return
	}
	if err != nil {
		web.WriteProblem(w, q.problem(err))
		return
	}
	q.write(w, page.Results[0], nil)
}

func (q *Query) getBatch(w http.ResponseWriter, r *http.Request) {
	if _, err := parseURL[struct{}](r.URL); err != nil {
		web.WriteProblem(w, badQuery(err))
		return
	}
	id := r.PathValue("id")
	page, err := q.db.Batches(r.Context(), events.BatchQuery{Batch: id, Reduced: true})
	if err == nil && len(page.Batches) == 0 {
		web.WriteProblem(w, web.NewProblem(http.StatusNotFound, "", fmt.Sprintf("there is no batch %.80q: nothing of it has ended or been announced", id)))
		return
	}
	if err != nil {
		web.WriteProblem(w, q.problem(err))
		return
	}
	q.write(w, page.Batches[0], nil)
}

// stream writes all results, one per line, page after page. A limit is that of the whole, and may be any.
// An error after the first line breaks the connection, so that nobody takes a part for the whole.
func (q *Query) stream(w http.ResponseWriter, r *http.Request, query events.ResultQuery) {
	left, begun := query.Limit, false
	if left == 0 {
		left = math.MaxInt
	}
	for {
		query.Limit = min(left, streamPage) // below zero it is refused by the database
		page, err := q.db.Results(r.Context(), query)
		if err != nil && begun {
			panic(http.ErrAbortHandler)
		}
		if err != nil {
			web.WriteProblem(w, q.problem(err))
			return
		}
		if !begun {
			w.Header().Set("Content-Type", typeNDJSON)
			w.WriteHeader(http.StatusOK)
			begun = true
		}
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		for i := range page.Results {
			if err := enc.Encode(&page.Results[i]); err != nil {
				return // the reader has gone
			}
		}
		left -= len(page.Results)
		if page.Next == "" || left == 0 {
			return
		}
		query.After = page.Next
	}
}

func (q *Query) write(w http.ResponseWriter, v any, err error) {
	if err != nil {
		web.WriteProblem(w, q.problem(err))
		return
	}
	web.WriteJSON(w, http.StatusOK, v)
}

func accepts(r *http.Request, contentType string) bool {
	for _, v := range r.Header.Values("Accept") {
		for one := range strings.SplitSeq(v, ",") {
			kind, _, _ := strings.Cut(one, ";")
			if strings.EqualFold(strings.TrimSpace(kind), contentType) {
				return true
			}
		}
	}
	return false
}

// parseURL reads a query from URL parameters, by way of its JSON form, so that both are checked by the same rules.
func parseURL[Q any](u *url.URL) (Q, error) {
	var none Q
	params, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return none, fmt.Errorf("the URL parameters cannot be read: %w", err)
	}
	object := make(map[string]any, len(params))
	for name, values := range params {
		if err := known[Q](name); err != nil {
			return none, err
		}
		if len(values) > 1 {
			return none, fmt.Errorf("parameter %s is given %d times: give it once", name, len(values))
		}
		object[name] = values[0]
		switch name {
		case "limit":
			n, err := strconv.Atoi(values[0])
			if err != nil {
				return none, fmt.Errorf("limit %.40q is not a whole number", values[0])
			}
			object[name] = n
		case "partial", "reduced":
			yes, err := strconv.ParseBool(values[0])
			if err != nil {
				return none, fmt.Errorf("%s %.40q is neither true nor false", name, values[0])
			}
			object[name] = yes
		}
	}
	data, err := encode(object)
	if err != nil {
		return none, err
	}
	return decodeQuery[Q](data)
}
