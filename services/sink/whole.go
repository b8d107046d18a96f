package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Wholes keeps the items that ingest has split into the items of a batch, until that batch has ended.
type Wholes interface {
	// Get returns the item whose parts are the items of a batch; nil if there is none.
	Get(ctx context.Context, batch string) (*events.Whole, error)
	// Forget is called when the item's result is on its way. It may come more than once.
	Forget(ctx context.Context, batch string) error
}

// bucketWholes keeps them in the control bucket.
type bucketWholes struct {
	js jetstream.JetStream

	mu sync.Mutex
	kv jetstream.KeyValue // nil until it is needed
}

func (b *bucketWholes) bucket(ctx context.Context) (jetstream.KeyValue, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.kv != nil {
		return b.kv, nil
	}
	kv, err := b.js.KeyValue(ctx, topology.BucketControl)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", topology.BucketControl, topology.Advise(err))
	}
	b.kv = kv
	return kv, nil
}

// Get reads the item. What cannot be read is as if it were not there: nobody can put that right any more.
func (b *bucketWholes) Get(ctx context.Context, batch string) (*events.Whole, error) {
	kv, err := b.bucket(ctx)
	if err != nil {
		return nil, err
	}
	entry, err := kv.Get(ctx, topology.WholeKey(batch))
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("item %s, which was split: %w", batch, err)
	}
	whole, err := events.DecodeWhole(entry.Value())
	if err != nil || whole.ID != batch || normalise(whole.Result(events.StatusOK)) != nil {
		return nil, nil //nolint:nilerr // see above
	}
	return whole, nil
}

// Forget removes the item.
func (b *bucketWholes) Forget(ctx context.Context, batch string) error {
	kv, err := b.bucket(ctx)
	if err != nil {
		return err
	}
	return kv.Delete(ctx, topology.WholeKey(batch))
}

// ended makes the results of the items whose parts have all ended, from the announcements of the ends of batches. The results take the way
// of all results, through the sink's own inbox, and so count once.
func (o *Outbox) ended(ctx context.Context, rows []store.OutboxRow) (results []stage.Outgoing, batches []string, err error) {
	for _, r := range rows {
		var b events.Batch
		if r.Type != events.TypeBatchDone || json.Unmarshal(r.Data, &b) != nil || !events.IsID(b.Batch) {
			continue // batches of parts are called like items
		}
		whole, err := o.wholes.Get(ctx, b.Batch)
		if err != nil {
			return nil, nil, err
		}
		if whole == nil {
			continue
		}
		result, err := o.together(ctx, whole, b)
		if err != nil {
			return nil, nil, err
		}
		out, err := stage.ResultMessage(result, events.StageSink)
		if err != nil {
			return nil, nil, fmt.Errorf("result of item %s, which was split: %w", whole.ID, err)
		}
		for name, v := range map[string]string{
			events.HeaderReply: whole.Reply, events.HeaderTraceParent: whole.TraceParent, events.HeaderTraceState: whole.TraceState,
		} {
			if v != "" {
				out.Header[name] = v
			}
		}
		results, batches = append(results, out), append(batches, b.Batch)
	}
	return results, batches, nil
}

// wholeValue is the value of an item that was split.
type wholeValue struct {
	Batch string `json:"batch"` // of its parts
	Parts int64  `json:"parts"`
	OK    int64  `json:"ok"`
	// Reduced has the answers of the recipe's reductions over the parts.
	Reduced []events.Reduced `json:"reduced,omitempty"`
}

// together makes the result of an item of what became of its parts: ok if all of them are, else cancelled if one is, else failed for the reason
// that most of those have that failed.
func (o *Outbox) together(ctx context.Context, w *events.Whole, b events.Batch) (*events.Result, error) {
	r := w.Result(events.StatusOK)
	r.Finished, r.Value = b.Finished, ops.JSON(wholeValue{w.ID, w.Parts, b.OK, b.Reduced})
	switch {
	case b.OK >= w.Parts:
		return r, nil
	case b.State == events.BatchStateCancelled, b.Cancelled > 0:
		r.Status, r.Reason = events.StatusCancelled, events.ReasonCancelled
		r.Error = fmt.Sprintf("%d of %d parts were not done any more", w.Parts-b.OK-b.Failed, w.Parts)
		return r, nil
	}
	r.Status, r.Reason = events.StatusFailed, events.ReasonWorkerLost
	r.Error = fmt.Sprintf("%d of %d parts failed, and nothing came of %d: see them with fetchmill results --batch %s", b.Failed, w.Parts, w.Parts-b.Ended(), w.ID)
	counts, err := o.db.Counts(ctx, events.CountQuery{Batch: b.Batch})
	if err != nil {
		return nil, err
	}
	var most int64
	for _, c := range counts.Counts { // in the order of the reasons
		if c.Status == events.StatusFailed && c.Count > most {
			most, r.Reason = c.Count, c.Reason
		}
	}
	return r, nil
}
