package store

import (
	"encoding/json"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// group is what entries ask of the database, worked out before the transaction begins, so that others do not wait for it.
type group struct {
	entries  []Entry
	outcomes []Outcome
	names    []string     // of batches, each once, in the order in which they are mentioned
	rows     []driver.Row // of results, the first of each id; later what is stored under it
	first    []int        // of a row: the entry that it comes from
	row      []int        // of an entry: its row; not of records
	before   int64        // the number before that of the first entry
	judged   []*judged    // of an entry; nil if no entry has reductions
	windowed []*windowed  // of a row; nil if no row has windows
}

func newGroup(entries []Entry) (*group, error) {
	g := &group{entries: entries, outcomes: make([]Outcome, len(entries)), row: make([]int, len(entries))}
	names, ids := map[string]bool{}, make(map[string]int, len(entries))
	for i, e := range entries {
		if err := e.Validate(); err != nil {
			return nil, err
		}
		if name := e.batch(); name != "" && !names[name] {
			names[name] = true
			g.names = append(g.names, name)
		}
		if e.Result == nil {
			continue
		}
		n, known := ids[e.Result.ID]
		if !known {
			row, err := asRow(e.Result)
			if err != nil {
				return nil, err
			}
			n = len(g.rows)
			ids[e.Result.ID] = n
			g.rows, g.first = append(g.rows, row), append(g.first, i)
		}
		g.row[i] = n
	}
	return g, nil
}

func asRow(r *events.Result) (driver.Row, error) {
	row := driver.Row{Result: asStored(r)}
	row.Host = row.Result.Host()
	if r.Fetch != nil {
		text, err := json.Marshal(r.Fetch)
		if err != nil {
			return row, fmt.Errorf("%w: fetch of result %s: %w", ErrEntry, r.ID, err)
		}
		row.Fetch = string(text)
	}
	return row, nil
}

// place gives each row the number of its entry, and its batch. Numbers of entries without a row of their own are for loans.
func (g *group) place(before int64, batches map[string]*batch) {
	g.before = before
	for n := range g.rows {
		g.rows[n].Seq = before + 1 + int64(g.first[n])
		if name := g.rows[n].Result.Batch; name != "" {
			g.rows[n].Batch = batches[name].Num
		}
	}
}

// duplicates lists the ids of the rows that were not inserted.
func (g *group) duplicates(isNew []bool) (ids []string) {
	for n, inserted := range isNew {
		if !inserted {
			ids = append(ids, g.rows[n].Result.ID)
		}
	}
	return ids
}

// replace puts what is stored in the place of the duplicates.
func (g *group) replace(isNew []bool, stored []driver.Row) error {
	byID := make(map[string]driver.Row, len(stored))
	for _, row := range stored {
		byID[row.Result.ID] = row
	}
	for n, inserted := range isNew {
		if inserted {
			continue
		}
		row, ok := byID[g.rows[n].Result.ID]
		if !ok {
			return fmt.Errorf("result %s is neither new nor there", g.rows[n].Result.ID)
		}
		g.rows[n] = row
	}
	return nil
}

// sort tells what came of each result, which of them count from now on, and which results batches have to borrow for that, because they
// are stored as those of another batch or of none.
func (g *group) sort(batches map[string]*batch, isNew []bool) (counted []*news, loans []driver.Loan) {
	type pair struct{ batch, result int64 }
	counted, asked := make([]*news, len(g.entries)), map[pair]bool{}
	for i, e := range g.entries {
		if e.Result == nil {
			continue
		}
		row, b := g.rows[g.row[i]], batches[e.Result.Batch]
		inserted := isNew[g.row[i]] && g.first[g.row[i]] == i
		g.outcomes[i] = Outcome{New: inserted, Result: row.Result}
		if inserted {
			counted[i] = &news{reduce: g.reduce(i), window: g.window(g.row[i]), Result: row.Result, seq: row.Seq, isNew: true, batch: b}
		} else if b != nil && b.Num != row.Batch && !asked[pair{b.Num, row.Seq}] {
			asked[pair{b.Num, row.Seq}] = true
			counted[i] = &news{reduce: g.reduce(i), Result: row.Result, seq: row.Seq, batch: b}
			loans = append(loans, driver.Loan{Seq: g.before + 1 + int64(i), Batch: b.Num, Index: e.Result.Index, Result: row.Seq})
		}
	}
	return counted, loans
}

func (g *group) reduce(entry int) *judged {
	if g.judged == nil {
		return nil
	}
	return g.judged[entry]
}

func (g *group) window(row int) *windowed {
	if g.windowed == nil {
		return nil
	}
	return g.windowed[row]
}

// refuse takes off what is counted already: the loans that were there before.
func (g *group) refuse(counted []*news, loans []driver.Loan, isNew []bool) {
	for k, l := range loans {
		if !isNew[k] {
			counted[l.Seq-g.before-1] = nil
		}
	}
}
