package main

import (
	"strconv"
	"time"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// hostRow is a host as one fetcher sees it.
type hostRow struct {
	fetcher string
	events.HostStatus
}

func hostRows(services []client.ServiceStatus) []hostRow {
	var rows []hostRow
	for _, s := range services {
		if s.Load == nil {
			continue
		}
		for _, h := range s.Load.Hosts {
			rows = append(rows, hostRow{s.ID, h})
		}
	}
	return rows
}

func hostColumns() []cli.Column[hostRow] {
	return []cli.Column[hostRow]{
		{Name: "host", Text: func(r hostRow) string { return r.Host }},
		{Name: "state", Text: func(r hostRow) string { return string(r.State) }},
		{Name: "for", Text: func(r hostRow) string {
			if r.For <= 0 {
				return "-"
			}
			return r.For.Round(100 * time.Millisecond).String()
		}},
		{Name: "in flight", Text: func(r hostRow) string { return strconv.Itoa(r.InFlight) }},
		{Name: "waiting", Text: func(r hostRow) string { return strconv.Itoa(r.Waiting) }},
		{Name: "window", Text: func(r hostRow) string { return strconv.Itoa(r.Window) }},
		{Name: "failures", Text: func(r hostRow) string { return strconv.Itoa(r.Failures) }},
		{Name: "fetcher", Text: func(r hostRow) string { return r.fetcher }},
		{Name: "last", Text: func(r hostRow) string { return r.Last }},
	}
}
