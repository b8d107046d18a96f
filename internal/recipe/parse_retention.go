package recipe

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/internal/yamldoc"
)

// Retention says which results of a recipe are kept.
type Retention struct {
	Age  time.Duration // those that finished longer ago are deleted; 0 keeps them however old
	Rows int64         // so many, the newest; 0 keeps any number
}

type retentionDocument struct {
	Age  string `yaml:"age"`
	Rows int64  `yaml:"rows"`
}

// maxAge is what a time.Duration can hold, with room for days of any length.
const maxAge = 100 * 365 * 24 * time.Hour

// retention reads how long results are kept.
func (d *document) retention(r *Recipe, at yamldoc.Position) error {
	if d.Retention == nil {
		return nil
	}
	var keep Retention
	switch {
	case d.Retention.Rows < 0:
		return at.Wrap(fmt.Errorf("retention: rows is %d: use the number of results to keep, or 0 for any", d.Retention.Rows), "retention", "rows")
	case d.Retention.Age != "":
		var err error
		if keep.Age, err = parseAge(d.Retention.Age); err != nil {
			return at.Wrap(fmt.Errorf("retention: %w", err), "retention", "age")
		}
	}
	keep.Rows = d.Retention.Rows
	r.Retention = &keep
	return nil
}

// parseAge reads a time that may be in days.
func parseAge(text string) (time.Duration, error) {
	var age time.Duration
	var err error
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 15)
		age = time.Duration(n) * 24 * time.Hour
	} else {
		age, err = time.ParseDuration(text)
	}
	if err == nil && (age < 0 || age > maxAge) {
		err = errors.New("out of range")
	}
	if err != nil {
		return 0, fmt.Errorf("age %.80q does not say how long to keep results: use 30d or 12h, or 0s for ever", text)
	}
	return age, nil
}
