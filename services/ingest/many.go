package ingest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sort"
	"strconv"
	"time"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/web"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	maxListed  = 100     // rejected lines that are told one by one
	chunkItems = 512     // items that are published at once
	chunkBytes = 4 << 20 // or as many as have so many bytes

	lookAheadItems = 65_536   // items of a batch that are put in order together, slowest first
	lookAheadBytes = 32 << 20 // or as many as have so many bytes
)

// summary is the answer to a request with many items.
type summary struct {
	Accepted      int64      `json:"accepted"`   // the broker has them, those included that it had before
	Duplicates    int64      `json:"duplicates"` // the broker had them before
	Rejected      []rejected `json:"rejected"`   // the first of those that were not accepted
	RejectedTotal int64      `json:"rejected_total"`
}

// rejected is a line that was not accepted.
type rejected struct {
	Line   int64         `json:"line"` // from 1, as editors count
	Reason events.Reason `json:"reason"`
	Error  string        `json:"error"`
}

// interruption is the answer to a request with many items that could not be read or published to its end.
type interruption struct {
	*events.Problem
	summary
	NextLine int64 `json:"next_line"` // go on with this line; those before it are accepted or rejected
}

// many accepts items line by line. A line that is not accepted does not stop the others.
func (h *httpIntake) many(w http.ResponseWriter, r *http.Request, target *recipe.Recipe, open openReader) error {
	header := inputHeader(r.Header)
	delete(header, events.HeaderIndex) // every line has its own
	at := h.now()
	defaults, err := events.ParseInput(withoutType(header), nil, at)
	if err != nil {
		return &Refusal{events.ReasonBadInput, err}
	}
	delete(header, events.HeaderMsgID) // it is that of the request; a line's is derived from it
	m := &manyItems{
		httpIntake: h, request: r, recipe: target, at: at, defaults: defaults,
		summary: summary{Rejected: []rejected{}}, nextLine: 1,
		// Only with a batch, whose items know their ids: after an interruption all that was looked ahead is sent again.
		ordered: target.Cost != "" && defaults.Batch != "",
	}
	lines, err := open(r.Body, lineContext{header: withoutType(header), defaults: defaults, at: at, recipe: target})
	if err == nil {
		err = m.run(lines)
	}
	if err != nil {
		p := ProblemOf(err)
		web.WriteProblemWith(w, p, interruption{Problem: p, summary: m.summary, NextLine: m.nextLine})
		return nil
	}
	web.WriteJSON(w, http.StatusOK, m.summary)
	return nil
}

// withoutType drops the content type and the CloudEvent's attributes, which are those of the whole body.
func withoutType(header map[string][]string) map[string][]string {
	h := maps.Clone(header)
	for k := range h {
		if k == events.HeaderContentType || len(k) > 3 && k[:3] == "ce-" {
			delete(h, k)
		}
	}
	return h
}

type manyItems struct {
	*httpIntake
	request  *http.Request
	recipe   *recipe.Recipe
	at       time.Time
	defaults events.Input

	summary  summary
	chunk    []stage.Outgoing
	places   []place // lines of the chunk, for each message
	ordered  bool    // slowest first
	bytes    int
	lastLine int64
	nextLine int64
}

func (m *manyItems) run(lines lineReader) error {
	for {
		l, err := lines.next()
		if errors.Is(err, io.EOF) {
			return m.flush()
		}
		if err != nil {
			// What was read before is published, so that the answer can name one line to go on with.
			return errors.Join(m.flush(), err)
		}
		m.lastLine = l.line
		if l.err == nil {
			l.err = m.add(l)
		}
		if l.err != nil {
			m.reject(l)
		}
		if items, bytes := m.bounds(); len(m.chunk) >= items || m.bytes >= bytes {
			if err := m.flush(); err != nil {
				return err
			}
		}
	}
}

func (m *manyItems) add(l line) error {
	if m.defaults.Batch != "" {
		l.input.Index = l.index
	}
	out, err := m.send(m.recipe.Name, l.input, m.id(l), m.at, "")
	if err != nil {
		return err
	}
	cost := 0.0
	if m.ordered {
		cost = m.recipe.CostOf(l.input)
	}
	for i, o := range out {
		m.chunk = append(m.chunk, o)
		m.places = append(m.places, place{l.line, i == len(out)-1, cost})
		m.bytes += len(o.Data)
	}
	return nil
}

// place is the line that a message is of. An item that is split has several messages, of which the last one counts.
type place struct {
	line int64
	last bool
	cost float64
}

// bounds are how much is published together, or put in order together.
func (m *manyItems) bounds() (items, bytes int) {
	if m.ordered {
		return lookAheadItems, lookAheadBytes
	}
	return chunkItems, chunkBytes
}

// id is the same when the same request is sent again, if it has an idempotency key or a batch.
func (m *manyItems) id(l line) string {
	place := "/" + strconv.FormatInt(l.index, 10)
	switch {
	case l.input.Key != "":
		return events.IDFromKey(l.input.Key)
	case m.defaults.Key != "":
		return events.IDFromKey(m.defaults.Key + place)
	case m.defaults.Batch != "":
		return events.IDFromKey(m.defaults.Batch + place)
	default:
		return events.NewID(m.at)
	}
}

func (m *manyItems) reject(l line) {
	m.summary.RejectedTotal++
	if len(m.summary.Rejected) < maxListed {
		m.summary.Rejected = append(m.summary.Rejected, rejected{l.line, reasonOf(l.err), stage.Shorten(l.err.Error(), maxErrorText)})
	}
}

// flush publishes what there is, slowest first if that is known, and at most a chunk at once.
func (m *manyItems) flush() error {
	if !m.ordered {
		return m.publish()
	}
	chunk, places := m.chunk, m.places
	first := m.nextLine
	sort.Stable(slowestFirst{chunk, places})
	for len(chunk) > 0 {
		n := min(len(chunk), chunkItems)
		m.chunk, m.places = chunk[:n:n], places[:n:n]
		if err := m.publish(); err != nil {
			m.nextLine = first
			return err
		}
		chunk, places = chunk[n:], places[n:]
	}
	m.chunk, m.places, m.bytes = nil, nil, 0
	m.nextLine = m.lastLine + 1
	return nil
}

// slowestFirst sorts messages and their places together.
type slowestFirst struct {
	chunk  []stage.Outgoing
	places []place
}

func (s slowestFirst) Len() int           { return len(s.chunk) }
func (s slowestFirst) Less(i, j int) bool { return s.places[i].cost > s.places[j].cost }
func (s slowestFirst) Swap(i, j int) {
	s.chunk[i], s.chunk[j] = s.chunk[j], s.chunk[i]
	s.places[i], s.places[j] = s.places[j], s.places[i]
}

// publish publishes the chunk and counts what the broker has of it.
func (m *manyItems) publish() error {
	if len(m.chunk) == 0 {
		m.nextLine = m.lastLine + 1
		return nil
	}
	duplicates, err := m.publisher.Publish(m.request.Context(), m.chunk)
	for i, d := range duplicates {
		if !m.places[i].last {
			continue
		}
		m.summary.Accepted++
		if d {
			m.summary.Duplicates++
		}
	}
	if err != nil {
		if len(duplicates) < len(m.places) {
			m.nextLine = m.places[len(duplicates)].line
		}
		return fmt.Errorf("publish %d items: %w", len(m.chunk), err)
	}
	clear(m.chunk)
	m.chunk, m.places, m.bytes = m.chunk[:0], m.places[:0], 0
	m.nextLine = m.lastLine + 1
	return nil
}
