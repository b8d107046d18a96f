package queries

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	batchRows = 20_000
	hosts     = 5000
	rareEvery = 250_000 // rows between those that are rare in every way
	rare      = "rare.example.org"
)

var (
	first   = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) // the time of the first row; the next ones come a tenth of a second apart
	recipes = []string{"page", "page", "page", "page", "page", "page", "page", "json", "json", "uptime"}
	reasons = []events.Reason{events.ReasonTimeout, events.ReasonConnect, events.ReasonTimeout, events.ReasonDNS}
	value   = json.RawMessage(`{"title":"a page of some sort","words":1234}`)
)

// result makes the n-th row: one of a crawl whose batches come one after the other, with its hosts mixed, and 2 % that failed.
// A few rows, far apart, are of a host, a recipe and a reason that no others have.
func result(n int) *events.Result {
	key := fmt.Sprintf("https://host%d.example.com/some/page?n=%d", n*7919%hosts, n)
	recipe, reason := recipes[n%len(recipes)], reasons[n/50%len(reasons)]
	failed := n%50 == 0
	if n%rareEvery == rareEvery/2 {
		key, recipe, reason, failed = fmt.Sprintf("https://%s/needle?n=%d", rare, n), "seldom", events.ReasonTLS, true
	}
	at := first.Add(time.Duration(n) * 100 * time.Millisecond)
	r := &events.Result{
		ID: events.IDFromKey(key), Recipe: recipe, Batch: batchOf(n), Index: int64(n % batchRows), Key: key, Status: events.StatusOK, Attempts: 1,
		Value: value, Fetch: &events.FetchFacts{Status: 200, Bytes: 12345, ContentType: "text/html", ElapsedMS: 12.5, Proto: "HTTP/1.1"},
		Submitted: at.Add(-time.Second), Finished: at,
	}
	if failed {
		r.Status, r.Reason, r.Error, r.Value = events.StatusFailed, reason, "no answer", nil
	}
	return r
}

func batchOf(n int) string { return fmt.Sprintf("bench-%d", n/batchRows) }
