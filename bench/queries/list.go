package queries

import (
	"context"
	"time"

	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// question is a query that is measured. It returns how many rows the answer has.
type question struct {
	name string
	ask  func(context.Context, *store.DB) (int, error)
}

// results asks for a page of results as the dashboard and the command line do.
func results(name string, q events.ResultQuery) question {
	q.Partial = true
	return question{name, func(ctx context.Context, db *store.DB) (int, error) {
		page, err := db.Results(ctx, q)
		return len(page.Results), err
	}}
}

func counts(name string, q events.CountQuery) question {
	return question{name, func(ctx context.Context, db *store.DB) (int, error) {
		table, err := db.Counts(ctx, q)
		return len(table.Counts), err
	}}
}

func batches(name string, q events.BatchQuery) question {
	return question{name, func(ctx context.Context, db *store.DB) (int, error) {
		page, err := db.Batches(ctx, q)
		return len(page.Batches), err
	}}
}

// questions are all that are measured, of a database with so many rows.
func questions(rows int) []question {
	middle := rows / 2
	span := time.Duration(rows) * 100 * time.Millisecond
	batch, last := batchOf(middle), first.Add(span)
	newest := events.OrderNewest
	type q = events.ResultQuery
	list := []question{
		results("the newest results", q{Order: newest}),
		results("one result by its id", q{ID: result(middle).ID}),
		results("all of a recipe, newest first", q{Recipe: "page", Order: newest}),
		results("of a recipe that is rare", q{Recipe: "seldom", Order: newest}),
		results("what failed, newest first", q{Status: events.StatusFailed, Order: newest}),
		results("what failed of a recipe", q{Status: events.StatusFailed, Recipe: "uptime", Order: newest}),
		results("a common reason", q{Reason: events.ReasonTimeout, Order: newest}),
		results("a reason that is rare", q{Reason: events.ReasonTLS, Order: newest}),
		results("a host", q{Host: "host7.example.com", Order: newest}),
		results("a host that is rare", q{Host: rare, Order: newest}),
		results("what failed of a host", q{Host: "host0.example.com", Status: events.StatusFailed, Order: newest}),
		results("a time", q{Since: last.Add(-span / 5), Until: last.Add(-span / 10), Order: newest}),
		results("what failed in a time", q{Since: first, Until: last.Add(-span / 10), Status: events.StatusFailed, Order: newest}),
		results("a rare recipe in a time", q{Since: first, Until: last, Recipe: "seldom", Order: newest}),
		results("text that is common", q{Text: "example.com/some", Order: newest}),
		results("text that is rare", q{Text: "needle", Order: newest}),
		results("text that is nowhere", q{Text: "haystack"}),
		results("text that is nowhere in what failed", q{Text: "haystack", Status: events.StatusFailed}),
		results("text that is nowhere, in a recipe", q{Text: "haystack", Recipe: "json"}),
		results("text that is nowhere, in a time", q{Text: "haystack", Since: first, Until: last}),
		results("text that is nowhere, of a host", q{Text: "haystack", Host: "host7.example.com"}),
		results("a batch", q{Batch: batch}),
		results("a batch by index", q{Batch: batch, Order: events.OrderIndex}),
		results("what failed in a batch", q{Batch: batch, Status: events.StatusFailed}),
		results("text that is nowhere, in a batch by index", q{Batch: batch, Text: "haystack", Order: events.OrderIndex}),
		results("a page of 1000", q{Limit: 1000, Order: newest}),
		counts("all counts", events.CountQuery{}),
		counts("the counts of a recipe", events.CountQuery{Recipe: "page"}),
		counts("the counts of a batch", events.CountQuery{Batch: batch}),
		batches("the newest batches", events.BatchQuery{}),
		batches("one batch", events.BatchQuery{Batch: batch}),
	}
	return append(list, further("a page from the middle", rows))
}

// further asks for a page that follows another one in the middle of all results.
func further(name string, rows int) question {
	q := events.ResultQuery{Since: first.Add(time.Duration(rows/2) * 100 * time.Millisecond), Partial: true}
	return question{name, func(ctx context.Context, db *store.DB) (int, error) {
		if q.After == "" {
			page, err := db.Results(ctx, q)
			if err != nil {
				return 0, err
			}
			q.After = page.Next
		}
		page, err := db.Results(ctx, q)
		return len(page.Results), err
	}}
}

// aboutTargets are the questions about so many targets.
func aboutTargets(n int) []question {
	targets := func(name string, q events.TargetQuery) question {
		return question{name, func(ctx context.Context, db *store.DB) (int, error) {
			page, err := db.Targets(ctx, q)
			return len(page.Targets), err
		}}
	}
	return []question{
		targets("100 targets", events.TargetQuery{Limit: 100}),
		targets("100 targets from the middle", events.TargetQuery{Limit: 100, After: targetOf(n / 2)}),
		targets("targets that are down", events.TargetQuery{Limit: 100, State: events.TargetDown}),
		{"one target", func(ctx context.Context, db *store.DB) (int, error) {
			d, err := db.Target(ctx, targetOf(n/2))
			if err != nil || d == nil {
				return 0, err
			}
			return len(d.Days), nil
		}},
	}
}
