package cruncher

import (
	"hash/maphash"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	maxDistinct    = 10_000    // of one column
	maxDistinctAll = 1_000_000 // of all columns of a table
)

// column is what is known of a column of a table.
type column struct {
	Name         string   `json:"name"`
	Type         string   `json:"type"`
	Count        int64    `json:"count"`
	Empty        int64    `json:"empty"`
	Distinct     int      `json:"distinct"`
	DistinctMore bool     `json:"distinct_more,omitempty"`
	Min          *float64 `json:"min,omitempty"`
	Max          *float64 `json:"max,omitempty"`
	Mean         *float64 `json:"mean,omitempty"`
	Stddev       *float64 `json:"stddev,omitempty"`

	kind     cellKind
	seen     map[uint64]struct{} // hashes of 64 bits, which tell some thousand values apart
	most     int
	min, max float64
	mean, m2 float64 // of Welford's method: m2 is the sum of the squares of the distances from the mean
}

// cellKind is what a cell, or all cells of a column, can be read as.
type cellKind int

const (
	emptyCell cellKind = iota
	integerCell
	numberCell
	booleanCell
	dateCell
	textCell
)

func (k cellKind) String() string {
	return [...]string{"empty", "integer", "number", "boolean", "date", "text"}[k]
}

var cellSeed = maphash.MakeSeed()

func newColumn(name string, columns int) *column {
	name, _ = cutText(name, maxColumnName)
	return &column{Name: name, seen: make(map[uint64]struct{}), most: min(maxDistinct, maxDistinctAll/columns)}
}

func (c *column) add(cell string) {
	cell = strings.TrimSpace(cell)
	if cell == "" {
		c.Empty++
		return
	}
	c.Count++
	c.distinguish(cell)
	kind, n := readCell(cell, c.kind)
	c.kind = both(c.kind, kind)
	if c.kind > numberCell {
		return
	}
	// Welford's method (Technometrics 4, 1962): one pass, and no difference of large sums.
	if c.Count == 1 {
		c.min, c.max = n, n
	}
	c.min, c.max = min(c.min, n), max(c.max, n)
	distance := n - c.mean
	c.mean += distance / float64(c.Count)
	c.m2 += distance * (n - c.mean)
}

func (c *column) distinguish(cell string) {
	if c.DistinctMore {
		return
	}
	h := maphash.String(cellSeed, cell)
	if _, ok := c.seen[h]; ok {
		return
	}
	if len(c.seen) == c.most {
		c.DistinctMore = true
		return
	}
	c.seen[h] = struct{}{}
}

// both is what cells of two kinds have in common.
func both(a, b cellKind) cellKind {
	switch {
	case a == emptyCell, a == b:
		return b
	case a <= numberCell && b <= numberCell:
		return numberCell
	}
	return textCell
}

// readCell finds out what a cell can be read as; what is in a column of text needs not be read.
func readCell(cell string, column cellKind) (cellKind, float64) {
	if column == textCell {
		return textCell, 0
	}
	if strings.Trim(cell, "+-.0123456789eE") == "" {
		if n, err := strconv.ParseInt(cell, 10, 64); err == nil {
			return integerCell, float64(n)
		}
		if f, err := strconv.ParseFloat(cell, 64); err == nil {
			return numberCell, f
		}
	}
	if strings.EqualFold(cell, "true") || strings.EqualFold(cell, "false") {
		return booleanCell, 0
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339, time.DateTime} {
		if _, err := time.Parse(layout, cell); err == nil {
			return dateCell, 0
		}
	}
	return textCell, 0
}

func (c *column) finish() {
	c.Type, c.Distinct = c.kind.String(), len(c.seen)
	if c.kind != integerCell && c.kind != numberCell {
		return
	}
	c.Min, c.Max = finite(c.min), finite(c.max)
	c.Mean = finite(c.mean)
	if c.Count > 1 {
		c.Stddev = finite(math.Sqrt(c.m2 / float64(c.Count-1)))
	}
}

// finite is nil for what JSON has no number for, which comes of numbers near the end of the range.
func finite(f float64) *float64 {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil
	}
	return &f
}
