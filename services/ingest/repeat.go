package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/fetchmill/fetchmill/internal/web"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	// repeatPatience is how long a repeated request waits for the result of the first.
	repeatPatience = time.Minute
	firstPause     = 20 * time.Millisecond
	longestPause   = time.Second
)

// repeated answers a request whose message id the broker has seen before: the item is under way or done, and nobody will send its
// result to this requester. So the sink is asked for it until it is there.
func repeated(ctx context.Context, nc *nats.Conn, id string) ([]byte, *events.Problem) {
	ctx, cancel := context.WithTimeout(ctx, repeatPatience)
	defer cancel()
	query, err := json.Marshal(events.ResultQuery{ID: id})
	if err != nil {
		return nil, ProblemOf(err)
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		// Whether the sink is away or has nothing yet: the item has been accepted, so it is right to ask again.
		if reply, err := nc.RequestWithContext(ctx, events.SubjectQueryResults, query); err == nil {
			var page struct {
				Results []json.RawMessage `json:"results"`
			}
			if json.Unmarshal(reply.Data, &page) == nil && len(page.Results) == 1 {
				return page.Results[0], nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, web.NewProblem(http.StatusGatewayTimeout, "", fmt.Sprintf("item %s was accepted before and is not finished yet: ask again later", id))
		case <-time.After(pause):
		}
	}
}
