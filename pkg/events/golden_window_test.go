package events_test

import (
	"encoding/json"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// windowedItem says when it happened and which windows it goes into.
func windowedItem() *events.Item {
	return &events.Item{
		ID: "s1", Recipe: "clicks", Lane: events.LaneNormal, Submitted: finished, Time: submitted,
		Window: json.RawMessage(`{"size_ms":60000,"lateness_ms":10000,"idle_ms":30000,"reduce":[{"name":"total","op":"sum","of":"value"}]}`),
	}
}

func fullWindow() events.Window {
	return events.Window{
		ID: "17", Recipe: "clicks", Kind: events.WindowTumbling, Key: "shop", Start: submitted, End: finished, State: events.WindowClosed,
		Closed: deadline, OK: 2, Failed: 1, Cancelled: 4, Late: 3,
		Reduced: []events.Reduced{{Name: "total", Op: "sum", Of: "value", ReducedValue: events.ReducedValue{Value: json.RawMessage("12"), Count: 2}}},
	}
}

// windowRecords are those about windows.
func windowRecords() map[string]any {
	full := fullWindow()
	least := events.Window{ID: "18", Recipe: "clicks", Kind: events.WindowSession, Start: submitted, End: finished, State: events.WindowOpen, OK: 1}
	stream := events.WindowStream{
		Recipe: "clicks", Kind: events.WindowSliding, SizeMS: 60_000, SlideMS: 10_000, LatenessMS: 10_000, IdleMS: 30_000, By: "key", Time: "value.at",
		Source: "value.sensor", Watermark: submitted, Sources: 2, Counted: 7, Late: 3, Skipped: 1,
	}
	session := events.WindowStream{Recipe: "visits", Kind: events.WindowSession, GapMS: 30_000, LatenessMS: 10_000, IdleMS: 30_000}
	return map[string]any{
		"item.v1.window.json":         windowedItem(),
		"result.v1.window.json":       windowedItem().Result(events.StatusOK, finished),
		"window.v1.full.json":         &full,
		"window.v1.least.json":        &least,
		"query.windows.v1.json":       &events.WindowQuery{Recipe: "clicks", Key: "shop", State: events.WindowOpen, After: "cursor", Limit: 50},
		"query.windows.page.v1.json":  &events.WindowPage{Windows: []events.Window{full, least}, Streams: []events.WindowStream{stream, session}, Next: "cursor"},
		"query.window.v1.json":        &events.WindowDetailQuery{ID: "17"},
		"query.window.detail.v1.json": &events.WindowDetail{Window: full, Stream: stream},
	}
}
