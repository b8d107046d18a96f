package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/web"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Publisher hands messages to the broker. It returns when the broker has them, with one value per message, in order: whether
// it was a duplicate. With an error, the values returned are those of the first messages, which the broker has; the others
// it may or may not have. The error wraps stage.ErrFull if a stream takes no more.
type Publisher interface {
	Publish(ctx context.Context, out []stage.Outgoing) (duplicate []bool, err error)
}

// Headers of requests over HTTP.
const headerIdempotencyKey = "Idempotency-Key"

const (
	maxItemBytes  = 1 << 20   // body of a request with one item
	maxLineBytes  = 256 << 10 // one line of a request with many
	maxBatchBytes = 64 << 10  // body of a request about a batch
)

type httpIntake struct {
	*Intake
	publisher Publisher
}

// NewHandler returns the HTTP API of ingest:
//
//	POST /v1/work/{recipe}             one item, or many as NDJSON, CSV or lines of text
//	POST /v1/batches/{batch}/{action}  open, close or cancel
//
// Headers: Idempotency-Key, Batch, Index, Lane, Deadline, Reduce, Time, traceparent, tracestate and the ce- headers of a CloudEvent. Errors are
// problem details (RFC 9457). What a browser sends on behalf of another site is refused.
func NewHandler(in *Intake, publisher Publisher) http.Handler {
	h := &httpIntake{Intake: in, publisher: publisher}
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/work/{recipe}", post(h.work))
	mux.HandleFunc("/v1/batches/{batch}/{action}", post(h.batch))
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		web.WriteProblem(w, web.NewProblem(http.StatusForbidden, "", "a browser sent this on behalf of another site: send it from the same site or without a browser"))
	}))
	return guard.Handler(mux)
}

// post lets only POST through and writes the error that next returns.
func post(next func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			web.WriteProblem(w, web.NewProblem(http.StatusMethodNotAllowed, "", "use POST"))
			return
		}
		if err := next(w, r); err != nil {
			web.WriteProblem(w, ProblemOf(err))
		}
	}
}

func (h *httpIntake) work(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("recipe")
	target, err := h.Recipes.Find(name)
	if err != nil {
		return &Refusal{events.ReasonUnknownRecipe, err}
	}
	contentType := mediaType(r)
	if read := readerFor(contentType, r.URL.Query().Has("lines")); read != nil {
		return h.many(w, r, target, read)
	}
	if !takesOne(contentType) {
		return web.NewProblem(http.StatusUnsupportedMediaType, events.ReasonBadInput, fmt.Sprintf(
			"content type %.80q is not accepted: use text/plain, application/json or application/cloudevents+json for one item, "+
				"application/x-ndjson, text/csv or text/uri-list for many", contentType))
	}
	return h.one(w, r, name)
}

func mediaType(r *http.Request) string {
	raw := r.Header.Get("Content-Type")
	if t, _, err := mime.ParseMediaType(raw); err == nil {
		return t
	}
	return strings.ToLower(strings.TrimSpace(raw))
}

// takesOne tells whether a body of this type is one item. What curl -d sends without being told a type is text.
func takesOne(contentType string) bool {
	switch contentType {
	case "", "text/plain", "application/json", "application/x-www-form-urlencoded":
		return true
	default:
		return strings.HasPrefix(contentType, "application/cloudevents") || strings.HasSuffix(contentType, "+json")
	}
}

// accepted is the answer to a request with one item.
type accepted struct {
	ID        string `json:"id"`
	Recipe    string `json:"recipe"`
	Batch     string `json:"batch,omitempty"`
	Duplicate bool   `json:"duplicate"`
}

func (h *httpIntake) one(w http.ResponseWriter, r *http.Request, name string) error {
	body, err := readBody(w, r, maxItemBytes)
	if err != nil {
		return err
	}
	at := h.now()
	input, err := events.ParseInput(inputHeader(r.Header), body, at)
	if err != nil {
		return &Refusal{events.ReasonBadInput, err}
	}
	id := events.NewID(at)
	if input.Key != "" {
		id = events.IDFromKey(input.Key)
	}
	out, err := h.send(name, input, id, at, "")
	if err != nil {
		return err
	}
	duplicate, err := h.publisher.Publish(r.Context(), out)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusAccepted, accepted{id, name, input.Batch, len(duplicate) > 0 && duplicate[len(duplicate)-1]})
	return nil
}

// inputHeader picks the headers that mean something as those of a message; Idempotency-Key is its Nats-Msg-Id.
func inputHeader(header http.Header) map[string][]string {
	picked := make(map[string][]string, 8)
	for k, v := range header {
		switch k = strings.ToLower(k); k {
		case events.HeaderBatch, events.HeaderIndex, events.HeaderLane, events.HeaderDeadline, events.HeaderReduce, events.HeaderTime,
			events.HeaderTraceParent, events.HeaderTraceState, events.HeaderContentType:
			picked[k] = v
		default:
			if strings.HasPrefix(k, "ce-") {
				picked[k] = v
			}
		}
	}
	if key := header.Get(headerIdempotencyKey); key != "" {
		picked[events.HeaderMsgID] = []string{key}
	}
	return picked
}

// batched is the answer to a request about a batch.
type batched struct {
	Batch  string             `json:"batch"`
	Action events.BatchAction `json:"action"`
}

func (h *httpIntake) batch(w http.ResponseWriter, r *http.Request) error {
	action := events.BatchAction(r.PathValue("action"))
	doc := batchDocument{Batch: r.PathValue("batch")}
	body, err := readBody(w, r, maxBatchBytes)
	if err != nil {
		return err
	}
	if len(body) > 0 {
		if err := strictJSON(body, &doc); err != nil {
			return &Refusal{events.ReasonBadInput, err}
		}
	}
	if q := r.URL.Query().Get("total"); q != "" {
		total, err := strconv.ParseInt(q, 10, 64)
		if err != nil {
			return &Refusal{events.ReasonBadInput, fmt.Errorf("total %.40q is not a whole number", q)}
		}
		doc.Total = &total
	}
	b := events.BatchRequest{Batch: doc.Batch, Recipe: doc.Recipe, Notify: doc.Notify, Reduce: doc.Reduce}
	switch {
	case doc.Batch != r.PathValue("batch"):
		return &Refusal{events.ReasonBadInput, errors.New("the path and the body name different batches")}
	case doc.Total != nil:
		b.Total = *doc.Total
	case action == events.BatchClose:
		return &Refusal{events.ReasonBadInput, errors.New(`say how many items were accepted, with ?total=3 or the body {"total": 3}`)}
	}
	out, err := h.batchRecord(r.Context(), action, b)
	if err != nil {
		return err
	}
	if _, err := h.publisher.Publish(r.Context(), []stage.Outgoing{out}); err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusAccepted, batched{b.Batch, action})
	return nil
}

func readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &Refusal{events.ReasonTooLarge, fmt.Errorf("the body has more than %d bytes: send less, or many items line by line", most)}
	}
	if err != nil {
		return nil, &Refusal{events.ReasonBadInput, fmt.Errorf("the body could not be read: %w", err)}
	}
	return body, nil
}
