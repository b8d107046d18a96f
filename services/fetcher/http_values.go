package fetcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// valuesArg are names with values as in the query of a URL or in a form: texts, numbers, booleans, or lists of such for a name that comes
// several times. A name whose value is null is left out. Numbers are sent as they are written.
type valuesArg map[string]json.RawMessage

var errValue = errors.New("use a text, a number, true, false, null, or a list of such")

func (v valuesArg) encode() (string, error) {
	values := make(url.Values, len(v))
	for _, name := range slices.Sorted(maps.Keys(v)) {
		list := []json.RawMessage{v[name]}
		if len(v[name]) > 0 && v[name][0] == '[' {
			if err := json.Unmarshal(v[name], &list); err != nil {
				return "", fmt.Errorf("%.80q: %w", name, err)
			}
		}
		for _, raw := range list {
			text, ok, err := scalar(raw)
			if err != nil {
				return "", fmt.Errorf("%.80q: %w", name, err)
			}
			if ok {
				values.Add(name, text)
			}
		}
	}
	return values.Encode(), nil
}

// scalar returns a value as text, and false for null.
func scalar(raw json.RawMessage) (text string, ok bool, err error) {
	switch {
	case len(raw) == 0 || raw[0] == '{' || raw[0] == '[':
		return "", false, errValue
	case raw[0] == 'n':
		return "", false, nil
	case raw[0] != '"':
		return string(raw), true, nil
	}
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", false, err
	}
	return text, true, nil
}

// addTo adds the values to the query of a URL. What is no URL stays as it is, for others to complain.
func (v valuesArg) addTo(address string) (string, error) {
	if len(v) == 0 {
		return address, nil
	}
	more, err := v.encode()
	if err != nil {
		return "", ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("query: %w", err))
	}
	u, err := url.Parse(address)
	if err != nil || address == "" || more == "" {
		return address, nil //nolint:nilerr // its user finds the fault again, and knows how to tell it
	}
	if u.RawQuery != "" && !strings.HasSuffix(u.RawQuery, "&") {
		more = "&" + more
	}
	u.RawQuery += more
	return u.String(), nil
}
