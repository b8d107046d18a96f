package standin

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// sink keeps results in the order in which they came, one per id.
type sink struct {
	mu      sync.Mutex
	rows    []events.Result
	seen    map[string]bool
	batches map[string]*events.Batch
}

func newSink() *sink {
	return &sink{seen: make(map[string]bool), batches: make(map[string]*events.Batch)}
}

func (s *sink) add(r events.Result) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[r.ID] {
		return false
	}
	s.seen[r.ID] = true
	s.rows = append(s.rows, r)
	return true
}

func (s *sink) of(q events.BatchRequest) *events.Batch {
	b := s.batches[q.Batch]
	if b == nil {
		now := time.Now().UTC()
		b = &events.Batch{Batch: q.Batch, Recipe: q.Recipe, State: events.BatchStateOpen, Total: -1, Created: now, Updated: now}
		s.batches[q.Batch] = b
	}
	return b
}

func (s *sink) open(q events.BatchRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(q)
}

func (s *sink) close(q events.BatchRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.of(q)
	b.Total = q.Total
	if b.State == events.BatchStateOpen {
		b.State = events.BatchStateClosed
	}
}

func (s *sink) cancel(q events.BatchRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(q).State = events.BatchStateCancelled
}

// list brings the batches up to date first.
func (s *sink) list(q events.BatchQuery) events.BatchPage {
	s.mu.Lock()
	defer s.mu.Unlock()
	page := events.BatchPage{}
	for id, b := range s.batches {
		if q.Batch != "" && q.Batch != id {
			continue
		}
		b.OK, b.Failed = 0, 0
		for _, r := range s.rows {
			switch {
			case r.Batch != id:
			case r.Status == events.StatusOK:
				b.OK++
			default:
				b.Failed++
			}
		}
		if b.State == events.BatchStateClosed && b.Ended() >= b.Total {
			b.State, b.Finished = events.BatchStateDone, time.Now().UTC()
		}
		page.Batches = append(page.Batches, *b)
	}
	slices.SortFunc(page.Batches, func(a, b events.Batch) int { return b.Created.Compare(a.Created) })
	return page
}

func (s *sink) results(q events.ResultQuery) events.ResultPage {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []events.Result
	for _, r := range s.rows {
		if (q.ID == "" || r.ID == q.ID) && (q.Batch == "" || r.Batch == q.Batch) && (q.Recipe == "" || r.Recipe == q.Recipe) &&
			(q.Status == "" || r.Status == q.Status) && (q.Reason == "" || r.Reason == q.Reason) &&
			(q.Host == "" || r.Host() == strings.ToLower(q.Host)) && strings.Contains(r.Key, q.Text) && (q.Since.IsZero() || !r.Finished.Before(q.Since)) &&
			(q.Until.IsZero() || r.Finished.Before(q.Until)) {
			all = append(all, r)
		}
	}
	switch q.Order {
	case events.OrderIndex:
		slices.SortStableFunc(all, func(a, b events.Result) int { return cmp.Compare(a.Index, b.Index) })
	case events.OrderNewest:
		slices.Reverse(all)
	}
	from, _ := strconv.Atoi(q.After) // empty means 0
	from = min(from, len(all))
	to := min(from+q.Limit, len(all))
	page := events.ResultPage{Results: all[from:to]}
	if to > from {
		page.Next = strconv.Itoa(to)
	}
	return page
}

func (s *sink) counts(q events.CountQuery) events.CountTable {
	s.mu.Lock()
	defer s.mu.Unlock()
	sums := make(map[events.Count]int64)
	for _, r := range s.rows {
		if (q.Batch == "" || r.Batch == q.Batch) && (q.Recipe == "" || r.Recipe == q.Recipe) {
			sums[events.Count{Recipe: r.Recipe, Status: r.Status, Reason: r.Reason}]++
		}
	}
	t := events.CountTable{Counts: []events.Count{}}
	for c, n := range sums {
		c.Count = n
		t.Counts = append(t.Counts, c)
	}
	slices.SortFunc(t.Counts, func(a, b events.Count) int {
		return cmp.Or(cmp.Compare(a.Recipe, b.Recipe), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Reason, b.Reason))
	})
	return t
}
