package events

import "encoding/json"

// Reduced is the answer of one reduction: what many results come down to. docs/reduce.md describes the operations.
type Reduced struct {
	Name  string `json:"name"`
	Op    string `json:"op"`
	Of    string `json:"of,omitempty"`
	By    string `json:"by,omitempty"`
	Where string `json:"where,omitempty"`
	// ReducedValue is the answer for all results together; without By only.
	ReducedValue
	Keys []ReducedKey `json:"keys,omitempty"` // with By: an answer for each key, in their order
	// Others is about the results whose keys are beyond the bound, or, of top, whose values are: then it has no value.
	Others *ReducedValue `json:"others,omitempty"`
	// Skipped counts results that should have counted, but have no such value or key, or one that the operation cannot take.
	Skipped int64 `json:"skipped,omitempty"`
	// LeftOut counts keys, the last ones, that are not in Keys because the whole would be too large for a message.
	LeftOut int `json:"left_out,omitempty"`
}

// ReducedValue is the answer of a reduction, or of one of its keys.
type ReducedValue struct {
	Value    json.RawMessage `json:"value,omitempty"`
	Count    int64           `json:"count"`              // how many values went in
	Estimate bool            `json:"estimate,omitempty"` // it is close, within the bounds of the operation
}

// ReducedKey is the answer for one key.
type ReducedKey struct {
	Key string `json:"key"`
	ReducedValue
}
