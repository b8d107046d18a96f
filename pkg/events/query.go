package events

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
}

// ResultOrder is the order in which a query yields results.
type ResultOrder string

// Results come as they were committed, or by their place in the batch.
const (
	OrderCommitted ResultOrder = "committed" // the default
	OrderNewest    ResultOrder = "newest"    // committed last first
	OrderIndex     ResultOrder = "index"     // by index; needs Batch
)

// ResultQuery selects results; empty fields do not restrict.
type ResultQuery struct {
	ID     string      `json:"id,omitempty"`
	Batch  string      `json:"batch,omitempty"`
	Recipe string      `json:"recipe,omitempty"`
	Status Status      `json:"status,omitempty"`
	Reason Reason      `json:"reason,omitempty"`
	Order  ResultOrder `json:"order,omitempty"`
	After  string      `json:"after,omitempty"` // Next of the page before
	Limit  int         `json:"limit,omitempty"` // at most so many; default 100, at most 1000
}

// ResultPage is one page of results. A page may be shorter than the limit, because a message has a maximum size;
// the query is exhausted when Results is empty. Next is always set when Results is not empty, so that one who follows
// can come back later for what has been committed since.
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
}

// BatchPage is one page of batches; Next is empty on the last one.
type BatchPage struct {
	Batches []Batch `json:"batches"`
	Next    string  `json:"next,omitempty"`
}
