package programs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Defaults and bounds of programs.
const (
	mostWorkers      = 1024
	defaultMaxOutput = 512 << 10
	mostMaxOutput    = 768 << 10 // an answer travels in a message, and a message has at most 1 MiB
	leastMaxOutput   = 64
	defaultMaxInput  = 64 << 20
	mostMaxInput     = 1 << 30
	leastMemory      = 1 << 20
	mostStart        = time.Hour
)

// Catalogue is what may be run. It does not change once made. A nil *Catalogue has no programs.
type Catalogue struct{ programs map[string]program }

// program is one entry of the catalogue.
type program struct {
	name         string
	argv         []string // the first one is a path
	dir          string   // absolute
	env          []string // NAME=VALUE, all there is
	workers      int      // 0 leaves it to the Runner
	maxOutput    int      // bytes of one line
	maxInput     int64    // bytes of a body
	memory       uint64   // bytes of address space; 0 is no limit
	recycleAfter int      // items; 0 is never
	startTimeout time.Duration
}

// Names lists the programs in alphabetical order.
func (c *Catalogue) Names() []string {
	if c == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(c.programs))
}

// String lists the programs with what is run, for the operator.
func (c *Catalogue) String() string {
	var parts []string
	for _, name := range c.Names() {
		parts = append(parts, fmt.Sprintf("%s (%s)", name, strings.Join(c.programs[name].argv, " ")))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
