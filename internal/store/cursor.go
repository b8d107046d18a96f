package store

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/fetchmill/fetchmill/internal/store/driver"
)

// cursor is a place in an order of results: after the row there.
type cursor struct {
	order string
	at    driver.Place
}

// cursorOf makes a cursor of a place in the query's walk.
func cursorOf(q *driver.Select, at driver.Place) cursor { return cursor{orderOf(q), at} }

// orderOf names how the query walks: a place of one walk means nothing in another.
func orderOf(q *driver.Select) string {
	if q.Walk() == driver.ByFinished {
		return string(q.Order) + "-by-time"
	}
	return string(q.Order)
}

// start is the place before all rows.
func start(q *driver.Select) driver.Place {
	if q.Down() {
		return driver.Place{Major: math.MaxInt64, Seq: math.MaxInt64}
	}
	if q.Walk() == driver.BySeq {
		return driver.Place{}
	}
	return driver.Place{Major: math.MinInt64}
}

// String encodes the cursor so that nobody is tempted to compute one.
func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s.%d.%d", c.order, c.at.Major, c.at.Seq))
}

// parseCursor reads a cursor of the query's walk; the empty string is the start.
func parseCursor(s string, q *driver.Select) (driver.Place, error) {
	if s == "" {
		return start(q), nil
	}
	text, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return driver.Place{}, badCursor(s)
	}
	parts := strings.Split(string(text), ".")
	if len(parts) != 3 {
		return driver.Place{}, badCursor(s)
	}
	c := cursor{order: parts[0]}
	var errMajor, errSeq error
	c.at.Major, errMajor = strconv.ParseInt(parts[1], 10, 64)
	c.at.Seq, errSeq = strconv.ParseInt(parts[2], 10, 64)
	if errMajor != nil || errSeq != nil || c.at.Seq < 0 || c.String() != s {
		return driver.Place{}, badCursor(s)
	}
	if order := orderOf(q); c.order != order {
		return driver.Place{}, queryError("after is a place in the order %.20q, not %q: use the same query for all pages", c.order, order)
	}
	return c.at, nil
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
