package uptime

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Actions of applying a document.
const (
	ActionAdded   = "added"
	ActionChanged = "changed"
	ActionRemoved = "removed"
)

// maxListed is how many changes are listed; a message has a maximum size.
const maxListed = 1000

// Plan is what applying a document would do.
type Plan struct {
	Add    []events.Target
	Change []events.Target
	Remove []string
	events.Applied
}

// Compare finds out what is to be done so that there is what the document says. What it does not have is left alone, or removed with prune.
func Compare(have map[string]events.Target, want []events.Target, prune bool) Plan {
	var p Plan
	in := make(map[string]bool, len(want))
	for i := range want {
		t := &want[i]
		in[t.Name] = true
		old, known := have[t.Name]
		switch fields := different(&old, t); {
		case !known:
			p.Add = append(p.Add, *t)
			p.Changes = append(p.Changes, events.AppliedChange{Name: t.Name, Action: ActionAdded})
		case len(fields) > 0:
			p.Change = append(p.Change, *t)
			p.Changes = append(p.Changes, events.AppliedChange{Name: t.Name, Action: ActionChanged, Fields: fields})
		default:
			p.Unchanged++
		}
	}
	for name := range have {
		switch {
		case in[name]:
		case prune:
			p.Remove = append(p.Remove, name)
			p.Changes = append(p.Changes, events.AppliedChange{Name: name, Action: ActionRemoved})
		default:
			p.Kept++
		}
	}
	slices.Sort(p.Remove)
	p.Added, p.Changed, p.Removed = len(p.Add), len(p.Change), len(p.Remove)
	slices.SortFunc(p.Changes, func(a, b events.AppliedChange) int { return strings.Compare(a.Name, b.Name) })
	p.Changes = p.Changes[:min(len(p.Changes), maxListed)]
	return p
}

// different lists the fields, as JSON calls them, in which two targets differ.
func different(a, b *events.Target) []string {
	one, two := fields(a), fields(b)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(union(one, two))) {
		if !bytes.Equal(one[name], two[name]) {
			list = append(list, name)
		}
	}
	return list
}

func union(a, b map[string]json.RawMessage) map[string]json.RawMessage {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func fields(t *events.Target) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	data, err := json.Marshal(t)
	if err != nil {
		return all // of one that was never written: all is different
	}
	_ = json.Unmarshal(data, &all) // what json.Marshal makes can be read
	return all
}

// Asks tells whether two configurations of a target ask the same of it, so that answers to the one are answers to the other.
func Asks(a, b *events.Target) bool {
	return a.Recipe == b.Recipe && bytes.Equal(a.Params, b.Params)
}
