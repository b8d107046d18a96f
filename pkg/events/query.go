package events

import "time"

// Requests that the sink answers over NATS (query.<what>, JSON in, JSON out) and over HTTP (the same fields as URL parameters).
const (
	SubjectQueryResults = PrefixQuery + "results"
	SubjectQueryCounts  = PrefixQuery + "counts"
	SubjectQueryBatches = PrefixQuery + "batches"
)

// Requests that ingest answers over NATS: JSON of a BatchRequest in, an empty object out.
const (
	SubjectBatchOpen   = PrefixBatch + "open"
	SubjectBatchClose  = PrefixBatch + "close"
	SubjectBatchCancel = PrefixBatch + "cancel"
)

// BatchRequest asks ingest to open, close or cancel a batch; each may be repeated without harm.
type BatchRequest struct {
	Batch  string `json:"batch"`
	Recipe string `json:"recipe,omitempty"` // with open
	Total  int64  `json:"total"`            // with close: how many distinct items were accepted
	// Reduce, with open, is what the items are going to have in the header reduce, so that a mistake is told before there are items.
	Reduce []string `json:"reduce,omitempty"`
	// Notify, with open, are the channels on which people are told when the batch has ended.
	Notify []string `json:"notify,omitempty"`
}

// BatchOpened is the answer to a request to open a batch, as far as the batch's recipe is known: what helps to submit its items in a good
// order.
type BatchOpened struct {
	Primary string `json:"primary,omitempty"` // the parameter that a plain text stands for
	Cost    string `json:"cost,omitempty"`    // the parameter that tells how long an item takes in comparison with others
}

// ResultOrder is the order in which a query yields results.
type ResultOrder string

// Results come as they were committed, or by their place in the batch.
const (
	OrderCommitted ResultOrder = "committed" // the default
	OrderNewest    ResultOrder = "newest"    // committed last first
	OrderIndex     ResultOrder = "index"     // by index; needs Batch
)

// ResultQuery selects results; empty fields do not restrict. With Host, Since or Until and without Batch, the time at which items
// finished stands in the place of the time of the commit: OrderCommitted is then oldest first, and OrderNewest latest first.
type ResultQuery struct {
	ID     string      `json:"id,omitempty"`
	Batch  string      `json:"batch,omitempty"`
	Recipe string      `json:"recipe,omitempty"`
	Status Status      `json:"status,omitempty"`
	Reason Reason      `json:"reason,omitempty"`
	Host   string      `json:"host,omitempty"` // Result.Host
	Since  time.Time   `json:"since,omitzero"` // finished then or later
	Until  time.Time   `json:"until,omitzero"` // finished before
	Text   string      `json:"text,omitempty"` // in id or key, wherever; the case of ASCII letters makes no difference
	Order  ResultOrder `json:"order,omitempty"`
	After  string      `json:"after,omitempty"` // Next of the page before
	Limit  int         `json:"limit,omitempty"` // at most so many; default 100, at most 1000
	// Partial asks for an answer in a bounded time, although it may be a page without results: when as many rows have been looked at as one
	// request may. Next is set then, and the asker goes on from there. Without it the answer takes as long as it takes.
	Partial bool `json:"partial,omitempty"`
}

// ResultPage is one page of results. A page may be shorter than the limit, because a message has a maximum size. Next is always
// set when Results is not empty, so that one who follows can come back later for what has been committed since; the query is exhausted
// when Next is empty, and, unless the query was Partial, when Results is.
type ResultPage struct {
	Results []Result `json:"results"`
	Next    string   `json:"next,omitempty"`
}

// CountQuery selects results to count; empty fields do not restrict.
type CountQuery struct {
	Batch  string `json:"batch,omitempty"`
	Recipe string `json:"recipe,omitempty"`
}

// Count is how many results ended in one way.
type Count struct {
	Recipe string `json:"recipe"`
	Status Status `json:"status"`
	Reason Reason `json:"reason,omitempty"`
	Count  int64  `json:"count"`
}

// CountTable is the answer to a CountQuery, ordered by recipe, status and reason.
type CountTable struct {
	Counts []Count `json:"counts"`
}

// BatchQuery selects batches, newest first; empty fields do not restrict.
type BatchQuery struct {
	Batch string `json:"batch,omitempty"`
	After string `json:"after,omitempty"` // Next of the page before
	Limit int    `json:"limit,omitempty"` // default 100, at most 1000
	// Reduced asks for the answers of reductions too; only with Batch.
	Reduced bool `json:"reduced,omitempty"`
}

// BatchPage is one page of batches; Next is empty on the last one.
type BatchPage struct {
	Batches []Batch `json:"batches"`
	Next    string  `json:"next,omitempty"`
}
