package sink

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// decode reads a message of the RESULTS stream. One without a type, such as a replayed dead letter, is known by its subject.
// changed tells that the entry is not just what the message says.
func decode(m stage.Message) (e store.Entry, changed bool, err error) {
	kind := m.Header[events.HeaderType]
	if kind == "" {
		if kind = events.TypeResult; m.Subject == events.SubjectBatchRecord {
			kind = events.TypeBatch
		}
	}
	switch kind {
	case events.TypeBatch:
		b, err := events.DecodeBatchRecord(m.Data)
		return store.Entry{Record: b}, false, err
	case events.TypeResult:
		r, err := events.DecodeResult(m.Data)
		if err == nil {
			before := *r
			err = normalise(r)
			changed = before.Reason != r.Reason || before.Error != r.Error
		}
		return store.Entry{Result: r}, changed, err
	default:
		return store.Entry{}, false, fmt.Errorf("%w: unknown type %.80q", events.ErrRecord, kind)
	}
}

const maxID = 256 // bytes

// validID is wider than the ids made here, because workers in other languages may make their own; ids stand in headers.
func validID(id string) bool {
	for i := range len(id) {
		if id[i] < '!' || id[i] > '~' {
			return false
		}
	}
	return id != "" && len(id) <= maxID
}

// normalise refuses names that cannot stand in a subject, and puts right what would spoil searches and counts, because
// the item has ended and deserves its row.
func normalise(r *events.Result) error {
	if !validID(r.ID) {
		return fmt.Errorf("%w: id %.80q: use 1 to %d visible ASCII characters", events.ErrRecord, r.ID, maxID)
	}
	if err := events.ValidName(r.Recipe); err != nil {
		return fmt.Errorf("%w: recipe: %w", events.ErrRecord, err)
	}
	if r.Batch != "" {
		if err := events.ValidBatch(r.Batch); err != nil {
			return fmt.Errorf("%w: %w", events.ErrRecord, err)
		}
	}
	switch {
	case r.Status == events.StatusOK:
		r.Reason, r.Error = "", ""
	case slices.Contains(events.Reasons(), r.Reason):
	case r.Status == events.StatusCancelled:
		r.Reason = events.ReasonCancelled
	default:
		r.Error = strings.TrimSuffix(fmt.Sprintf("reason %.80q is not on the list: %s", string(r.Reason), r.Error), ": ")
		r.Reason = events.ReasonInternal
	}
	return nil
}

// salvage makes a failed result of a message that cannot be read, if it still tells which item it is about: an accepted
// item must end. It returns nil if it does not.
func salvage(m stage.Message, cause error) *events.Result {
	recipe, ok := strings.CutPrefix(m.Subject, events.PrefixResult)
	if !ok || m.Subject == events.SubjectBatchRecord {
		return nil
	}
	r := &events.Result{
		Recipe: recipe, Status: events.StatusFailed, Reason: events.ReasonUndecodable, Error: cause.Error(), Finished: m.Stored.UTC(),
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(m.Data, &fields) == nil {
		for name, to := range map[string]any{"id": &r.ID, "batch": &r.Batch, "index": &r.Index, "key": &r.Key, "reduce": &r.Reduce, "window": &r.Window} {
			_ = json.Unmarshal(fields[name], to) // what cannot be read stays empty
		}
		var submitted time.Time
		if json.Unmarshal(fields["submitted"], &submitted) == nil {
			r.Submitted = submitted
		}
		var happened time.Time
		if json.Unmarshal(fields["time"], &happened) == nil {
			r.Time = happened
		}
	}
	if r.ID == "" {
		r.ID = itemOf(m.Header[events.HeaderMsgID])
	}
	if events.ValidBatch(r.Batch) != nil {
		r.Batch = ""
	}
	if normalise(r) != nil {
		return nil
	}
	return r
}

// itemOf returns the id of the item that a message to the sink is about, or nothing if the message id is not one of ours.
func itemOf(msgID string) string {
	id, ok := strings.CutSuffix(msgID, events.MsgID("", events.StageSink))
	if !ok || !events.IsID(id) {
		return ""
	}
	return id
}
