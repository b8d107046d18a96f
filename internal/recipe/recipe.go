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
//
// In with, a string that is exactly $name stands for the value of that parameter; everything else is taken literally.
package recipe

import (
	"encoding/json"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Recipe is a named description of what is done with an item. It is made by Parse and must not be changed afterwards;
// it may be used from many goroutines.
type Recipe struct {
	Name    string
	Summary string
	Primary string  // name of the parameter that a plain text stands for; empty if there is none
	Params  []Param // in the order of the document
	Fetch   *Step   // nil if nothing is fetched
	Crunch  []Step  //
	Quiet   bool    // failures are findings and make no dead letters

	index   map[string]int // place in Params by name
	sorted  []int          // places in Params in the order of the names
	primary int            // place of the primary parameter, -1 if there is none
	plan    plan
	example string // a command that sends a valid item
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
	Plan   events.Plan
}

// Example is a command that sends a valid item of this recipe.
func (r *Recipe) Example() string { return r.example }
