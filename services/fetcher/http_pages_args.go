package fetcher

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/fetchmill/fetchmill/internal/jq"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Limits of http.pages, unless the item sets its own, and the most that it can set.
const (
	usualPages, mostPages = 100, 10_000
	usualItems, mostItems = 100_000, 1_000_000
)

// usualQuery finds the items where most APIs have them.
const usualQuery = `if type == "array" then .[] elif type == "object" then (.items // .data // .results // [.])[] else . end`

type pagesArgs struct {
	targetArgs
	// Items is a jq query that yields the items of a page, by default usualQuery.
	Items string `json:"items"`
	// Next says how to find the next page: "link" for the header Link (the default), or a nextArg.
	Next        json.RawMessage `json:"next"`
	MaxPages    *int            `json:"max_pages"`
	MaxItems    *int            `json:"max_items"`
	CrossOrigin bool            `json:"cross_origin"`
}

// nextArg is the argument next as an object.
type nextArg struct {
	// JSON is a jq query on the page: it yields the next URL, or with Param the value of that parameter; null or nothing at the end.
	JSON string `json:"json"`
	// Param is a parameter of the query. Without JSON it counts from Start by Step until a page has no items.
	Param string `json:"param"`
	Start *int64 `json:"start"`
	Step  *int64 `json:"step"`
}

// pagesPlan is what the arguments of http.pages mean.
type pagesPlan struct {
	first              *url.URL
	items              *jq.Query
	next               nextPage
	maxPages, maxItems int
	ownPages, ownItems bool // whether the item itself has set them
	crossOrigin        bool
}

// stop is what happens when a limit is reached. One that the item has set is meant; the others are there because pages may have no end,
// and half of the items without a word would be worse than none.
func (p pagesPlan) stop(limit string, n int) error {
	if limit == "max_pages" && p.ownPages || limit == "max_items" && p.ownItems {
		return nil
	}
	return ops.Fail(events.ReasonTooLarge, fmt.Errorf("there is more after %d: set %s, to a higher number for all or to this one if it is enough", n, limit))
}

// walkFor checks the arguments.
func (n *Network) walkFor(in ops.Input, args pagesArgs) (*walk, error) {
	invalid := func(err error) (*walk, error) { return nil, ops.Fail(events.ReasonInvalidParameter, err) }
	w := &walk{n: n, seen: map[[sha256.Size]byte]bool{}}
	w.items.WriteByte('[')
	p := pagesPlan{crossOrigin: args.CrossOrigin, ownPages: args.MaxPages != nil, ownItems: args.MaxItems != nil}
	var err error
	if p.maxPages, err = within("max_pages", args.MaxPages, usualPages, mostPages); err != nil {
		return invalid(err)
	}
	if p.maxItems, err = within("max_items", args.MaxItems, usualItems, mostItems); err != nil {
		return invalid(err)
	}
	if args.Items == "" {
		args.Items = usualQuery
	}
	if p.items, err = n.pages.queries.Get(args.Items); err != nil {
		return nil, fmt.Errorf("items: %w", err)
	}
	if p.next, err = n.nextFor(args.Next); err != nil {
		return nil, err
	}
	w.request, err = n.request(in, args.targetArgs)
	if err != nil {
		return nil, err
	}
	if w.request.Headers = withDefaults(args.Headers, map[string]string{"Accept": "application/json"}); w.request.URL == "" {
		return nil, ops.Fail(events.ReasonMissingParameter, errors.New("url is missing: give that of the first page"))
	}
	if _, err := n.agent.Exchange(w.request); err != nil { // so that what is wrong with the arguments is not said of page 1
		return nil, err
	}
	if p.first, err = url.Parse(w.request.URL); err != nil {
		return invalid(fmt.Errorf("url: %w", err))
	}
	p.first = p.next.begin(p.first)
	w.plan = p
	return w, nil
}

// within checks a limit.
func within(name string, given *int, usual, most int) (int, error) {
	switch {
	case given == nil:
		return usual, nil
	case *given < 1 || *given > most:
		return 0, fmt.Errorf("%s is %d: use a number from 1 to %d", name, *given, most)
	}
	return *given, nil
}

var errNext = errors.New(`use "link", {"json": "a jq query for the next URL"}, {"json": "a jq query", "param": "cursor"} or {"param": "page", "start": 1, "step": 1}`)

// nextFor reads the argument next. Errors are verdicts.
func (n *Network) nextFor(raw json.RawMessage) (nextPage, error) {
	invalid := func(err error) (nextPage, error) {
		return nil, ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("next: %w", err))
	}
	if s := string(raw); s == "" || s == "null" || s == `"link"` {
		return byLink{}, nil
	}
	var arg nextArg
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&arg); err != nil {
		return invalid(errNext)
	}
	if arg.JSON != "" {
		if arg.Start != nil || arg.Step != nil {
			return invalid(errors.New("start and step are for param alone: with json the page itself says the value"))
		}
		query, err := n.pages.queries.Get(arg.JSON)
		if err != nil {
			return nil, fmt.Errorf("next: %w", err)
		}
		return byJSON{query: query, param: arg.Param}, nil
	}
	if arg.Param == "" {
		return invalid(errNext)
	}
	count := byCount{param: arg.Param, start: 1, step: 1}
	if arg.Start != nil {
		count.start = *arg.Start
	}
	if arg.Step != nil {
		count.step = *arg.Step
	}
	const most = 1 << 40
	if count.step == 0 || max(count.start, count.step) > most || min(count.start, count.step) < -most {
		return invalid(errors.New("step must not be 0, and start and step must be numbers of 12 digits at most"))
	}
	return count, nil
}
