// Package recipe reads recipes and applies them: a recipe is a YAML document that names the parameters of an item and the steps
// that are done with it. Reading checks everything that can be checked and prepares the rest, because resolving an item against
// its recipe happens tens of thousands of times per second.
//
//	name: page
//	summary: Fetches a page and tells the SHA-256 and the size of its body.
//	primary: url
//	params:
//	  url: {type: url, required: true, help: the address of the page}
//	fetch: {op: http.get, with: {url: $url}, timeout: 30s, attempts: 5}
//	crunch:
//	  - {op: hash, with: {}}
//	reduce:
//	  - sum(value.bytes) as bytes by host(key)
//	window: {size: 1m}
//
// In with, a string that is exactly $name stands for the value of that parameter; everything else is taken literally.
package recipe

import (
	"encoding/json"
	"time"

	"github.com/fetchmill/fetchmill/internal/reduce"
	"github.com/fetchmill/fetchmill/internal/window"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Recipe is a named description of what is done with an item. It is made by Parse and must not be changed afterwards;
// it may be used from many goroutines.
type Recipe struct {
	Name    string
	Summary string
	Primary string  // name of the parameter that a plain text stands for; empty if there is none
	Cost    string  // name of the parameter that tells how long an item takes in comparison with others; empty if none does
	Params  []Param // in the order of the document
	Fetch   *Step   // nil if nothing is fetched
	Crunch  []Step  //
	Quiet   bool    // failures are findings and make no dead letters
	// Reduce is what the results of a batch of this recipe are reduced to, or, if it splits its items, the results of an item's parts.
	Reduce reduce.Spec
	// Retention says which results are kept; nil leaves it to the sink.
	Retention *Retention
	// Window is the windows of time for which the results are reduced, besides batches; nil if there are none.
	Window *window.Spec

	index     map[string]int // place in Params by name
	sorted    []int          // places in Params in the order of the names
	primary   int            // place of the primary parameter, -1 if there is none
	plan      plan
	expansion *expansion      // nil if an item stays one
	reduce    json.RawMessage // Reduce as it travels
	window    json.RawMessage // Window as it travels
	example   string          // a command that sends a valid item
}

// Step is one operation of a recipe.
type Step struct {
	Op       string
	With     json.RawMessage // as written: "$name" stands for a parameter
	Timeout  time.Duration   // for one attempt; 0 leaves it to the worker
	Attempts int             // 0 leaves it to the worker
}

// Order is an item's input resolved against its recipe. It shares memory with the recipe: replace parts, never change them in place.
type Order struct {
	Key    string          // the primary parameter as text; empty if it is absent
	Params json.RawMessage // a JSON object: checked, defaults filled in, keys in alphabetical order, no white space
	Plan   events.Plan     // empty if there are Parts
	// Parts are the plans of the items that this one is split into; nil if the recipe does not expand it.
	Parts []events.Plan
}

// ReduceJSON is Reduce as it travels with items; nil if there is nothing.
func (r *Recipe) ReduceJSON() json.RawMessage { return r.reduce }

// WindowJSON is Window as it travels with items; nil if there is none.
func (r *Recipe) WindowJSON() json.RawMessage { return r.window }

// Splits tells whether items of this recipe are split into parts.
func (r *Recipe) Splits() bool { return r.expansion != nil }

// Example is a command that sends a valid item of this recipe.
func (r *Recipe) Example() string { return r.example }
