package store

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
	maxText      = 200 // characters that are looked for
)

// checkResults completes a query and finds its faults.
func checkResults(q events.ResultQuery) (driver.Select, error) {
	var err error
	if q.Limit, err = checkLimit(q.Limit); err != nil {
		return driver.Select{}, err
	}
	if q.Status != "" {
		if _, err := events.ParseStatus(string(q.Status)); err != nil {
			return driver.Select{}, queryError("%v", err)
		}
	}
	if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		return driver.Select{}, queryError("since is not before until")
	}
	for name, text := range map[string]string{"id": q.ID, "recipe": q.Recipe, "reason": string(q.Reason), "host": q.Host, "text": q.Text} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return driver.Select{}, queryError("%s is not text", name)
		}
	}
	if n := utf8.RuneCountInString(q.Text); n > maxText || strings.ContainsFunc(q.Text, unicode.IsControl) {
		return driver.Select{}, queryError("text has %d characters or is no single line: use at most %d", n, maxText)
	}
	q.Host = strings.ToLower(q.Host)
	switch q.Order {
	case "":
		q.Order = events.OrderCommitted
	case events.OrderCommitted, events.OrderNewest:
	case events.OrderIndex:
		if q.Batch == "" {
			return driver.Select{}, queryError("order index needs a batch")
		}
	default:
		return driver.Select{}, queryError("unknown order %.40q: use committed, newest or index", string(q.Order))
	}
	sel := driver.Select{ResultQuery: q}
	sel.After, err = parseCursor(q.After, &sel)
	return sel, err
}

func checkLimit(limit int) (int, error) {
	switch {
	case limit == 0:
		return defaultLimit, nil
	case limit < 0 || limit > maxLimit:
		return 0, queryError("limit %d is not between 1 and %d: ask for more in pages", limit, maxLimit)
	default:
		return limit, nil
	}
}
