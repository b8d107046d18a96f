package drivertest

import (
	"time"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Select lists queries with every combination of what a query can have, for tests of how databases answer them. Each is in the
// middle of its walk, and ends before the end of it.
func Select() (all []driver.Select) {
	when := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	set := []func(*events.ResultQuery){
		func(q *events.ResultQuery) { q.Batch = "b1" },
		func(q *events.ResultQuery) { q.Recipe = "page" },
		func(q *events.ResultQuery) { q.Status = events.StatusFailed },
		func(q *events.ResultQuery) { q.Reason = events.ReasonDNS },
		func(q *events.ResultQuery) { q.Host = "a.example.com" },
		func(q *events.ResultQuery) { q.Since = when },
		func(q *events.ResultQuery) { q.Until = when.Add(time.Hour) },
		func(q *events.ResultQuery) { q.Text = "x" },
		func(q *events.ResultQuery) { q.ID = "a" },
	}
	for bits := range 1 << len(set) {
		for _, order := range []events.ResultOrder{events.OrderCommitted, events.OrderNewest, events.OrderIndex} {
			q := driver.Select{ResultQuery: events.ResultQuery{Order: order, Limit: 100}}
			for i, f := range set {
				if bits&(1<<i) != 0 {
					f(&q.ResultQuery)
				}
			}
			if order == events.OrderIndex && q.Batch == "" {
				continue
			}
			low, high := driver.Place{Seq: 1000}, driver.Place{Seq: 9000}
			if q.Walk() != driver.BySeq {
				low.Major, high.Major = 1, driver.Nanos(driver.Latest)-1
			}
			q.Num, q.After, q.To = 1, low, &high
			if q.Down() {
				q.After, q.To = high, &low
			}
			all = append(all, q)
		}
	}
	return all
}
