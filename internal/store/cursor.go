package store

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// cursor is a place in an order of results: after the row with this index and sequence.
type cursor struct {
	order events.ResultOrder
	idx   int64 // only with OrderIndex
	seq   int64
}

// start is the place before all rows.
func start(order events.ResultOrder) cursor {
	switch order {
	case events.OrderNewest:
		return cursor{order: order, seq: math.MaxInt64}
	case events.OrderIndex:
		return cursor{order: order, idx: math.MinInt64}
	default:
		return cursor{order: order}
	}
}

// String encodes the cursor so that nobody is tempted to compute one.
func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s.%d.%d", c.order, c.idx, c.seq))
}

// parseCursor reads a cursor of the given order; the empty string is the start.
func parseCursor(s string, order events.ResultOrder) (cursor, error) {
	if s == "" {
		return start(order), nil
	}
	text, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return cursor{}, badCursor(s)
	}
	parts := strings.Split(string(text), ".")
	if len(parts) != 3 {
		return cursor{}, badCursor(s)
	}
	c := cursor{order: events.ResultOrder(parts[0])}
	var errIdx, errSeq error
	c.idx, errIdx = strconv.ParseInt(parts[1], 10, 64)
	c.seq, errSeq = strconv.ParseInt(parts[2], 10, 64)
	if errIdx != nil || errSeq != nil || c.seq < 0 || c.String() != s {
		return cursor{}, badCursor(s)
	}
	if c.order != order {
		return cursor{}, queryError("after is a place in the order %.20q, not %q: use one order for all pages", string(c.order), string(order))
	}
	return c, nil
}

func badCursor(s string) error {
	return queryError("after %.40q is not a place in the results: use next of an earlier page", s)
}

// The order of batches needs no more than a number.
const batchCursor = "b."

func formatBatchCursor(num int64) string {
	return base64.RawURLEncoding.EncodeToString(strconv.AppendInt([]byte(batchCursor), num, 10))
}

func parseBatchCursor(s string) (int64, error) {
	if s == "" {
		return math.MaxInt64, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(s)
	digits, ok := strings.CutPrefix(string(text), batchCursor)
	num, errNum := strconv.ParseInt(digits, 10, 64)
	if err != nil || !ok || errNum != nil || num < 0 || formatBatchCursor(num) != s {
		return 0, queryError("after %.40q is not a place in the batches: use next of an earlier page", s)
	}
	return num, nil
}
