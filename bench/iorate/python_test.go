//go:build external

package iorate_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/bench/iorate"
)

func TestPythonIsMeasuredToo(t *testing.T) {
	python, err := iorate.FindPython(t.Context())
	require.NoError(t, err)
	for _, recipe := range []string{"page", "uptime"} {
		t.Run(recipe, func(t *testing.T) {
			cfg := small()
			cfg.Recipe, cfg.Python = recipe, python
			measured(t, cfg, 4)
		})
	}
}
