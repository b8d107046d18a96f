package cruncher

import (
	"errors"
	"fmt"

	"github.com/itchyny/gojq"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// compileQuery compiles a query. Without loaders, env is empty and input, import and include are errors.
func compileQuery(text string) (*gojq.Code, error) {
	invalid := func(err error) error {
		return ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("jq query %.200q: %w", text, err))
	}
	switch {
	case text == "":
		return nil, ops.Fail(events.ReasonMissingParameter, errors.New(`jq needs the argument "query", such as {"query": ".items[0].name"}`))
	case len(text) > maxQueryBytes:
		return nil, invalid(fmt.Errorf("it has %d bytes: use at most %d", len(text), maxQueryBytes))
	}
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, invalid(err)
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, invalid(err)
	}
	return code, nil
}
