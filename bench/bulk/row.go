package bulk

import (
	"encoding/json"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Row is a result at its place.
type Row struct {
	Seq    int64
	Batch  int64 // the number of its batch, which every row has
	Result *events.Result
}

var names = []string{"seq", "id", "recipe", "batch", "idx", "status", "reason", "attempts", "submitted", "finished", "host", "key", "error", "value", "fetch"}

// columns are the values for names.
func (r Row) columns() ([]any, error) {
	one := r.Result
	fetch, err := json.Marshal(one.Fetch)
	if err != nil {
		return nil, err
	}
	var value any
	if one.Value != nil {
		value = string(one.Value)
	}
	return []any{
		r.Seq, one.ID, one.Recipe, r.Batch, one.Index, string(one.Status), string(one.Reason), int64(one.Attempts), one.Submitted.UnixNano(), one.Finished.UnixNano(),
		one.Host(), one.Key, one.Error, value, string(fetch),
	}, nil
}
