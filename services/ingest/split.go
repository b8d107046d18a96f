package ingest

import (
	"encoding/json"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// maxSplitBytes bounds the messages of all parts of an item, which are made and published together.
const maxSplitBytes = 64 << 20

// split makes the messages of an item that is split: what waits for the end of its parts, the record of their batch, which tells how many
// there are, and the parts. The batch is called like the item, and a part's id is made of the item's and of its number: so an item that
// comes again is split into the same parts, which count once. Errors are of type *Refusal.
func (in *Intake) split(it *events.Item, parts []events.Plan, c carry) ([]stage.Outgoing, error) {
	r, err := in.Recipes.Find(it.Recipe)
	if err != nil {
		return nil, &Refusal{events.ReasonUnknownRecipe, err}
	}
	whole, err := json.Marshal(events.Whole{
		ID: it.ID, Recipe: it.Recipe, Batch: it.Batch, Index: it.Index, Key: it.Key, Parts: int64(len(parts)), Submitted: it.Submitted,
		Reply: c.Reply, TraceParent: c.TraceParent, TraceState: c.TraceState, Reduce: it.Reduce,
	})
	if err != nil {
		return nil, &Refusal{events.ReasonInternal, fmt.Errorf("encode the item: %w", err)}
	}
	record, err := batchRecord(events.BatchClose, events.BatchRequest{Batch: it.ID, Recipe: it.Recipe, Total: int64(len(parts))}, it.Submitted)
	if err != nil {
		return nil, err
	}
	out := make([]stage.Outgoing, 0, len(parts)+2)
	out = append(out, stage.Outgoing{
		Subject: topology.WholeSubject(it.ID), Header: map[string]string{events.HeaderMsgID: it.ID + ".whole"}, Data: whole,
	}, record)
	c.Reply = "" // the whole has it
	size := 0
	for i := range parts {
		part := *it
		part.ID, part.Batch, part.Index, part.Within = events.PartID(it.ID, int64(i)), it.ID, int64(i), it.Batch
		part.Reduce = r.ReduceJSON()
		part.Key, part.Plan = stage.Shorten(fmt.Sprintf("%s %d/%d", it.Key, i+1, len(parts)), maxKey), parts[i]
		m, err := in.route(&part, c)
		if err != nil {
			return nil, err
		}
		if size += len(m.Data); size > maxSplitBytes {
			return nil, &Refusal{events.ReasonTooLarge, fmt.Errorf(
				"the %d parts of the item have more than %d bytes together: ask for fewer chunks, or send shorter parameters", len(parts), maxSplitBytes)}
		}
		out = append(out, m)
	}
	return out, nil
}
