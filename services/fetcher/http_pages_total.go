package fetcher

import "github.com/fetchmill/fetchmill/pkg/events"

// totals are the facts of the newest page, with the bytes and times of all pages.
type totals struct{ facts *events.FetchFacts }

func (t *totals) bytes() int64 {
	if t.facts == nil {
		return 0
	}
	return t.facts.Bytes
}

func (t *totals) add(f *events.FetchFacts) {
	if before := t.facts; before != nil {
		f.Bytes += before.Bytes
		f.ElapsedMS += before.ElapsedMS
		if f.Phases != nil && before.Phases != nil {
			f.Phases.DNS += before.Phases.DNS
			f.Phases.Connect += before.Phases.Connect
			f.Phases.TLS += before.Phases.TLS
			f.Phases.FirstByte += before.Phases.FirstByte
			f.Phases.Transfer += before.Phases.Transfer
		}
	}
	t.facts = f
}
