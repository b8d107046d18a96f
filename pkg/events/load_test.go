package events_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestLoad_tells_what_its_limit_was_made_of(t *testing.T) {
	require.Equal(t, " (0.75 of 2 CPUs)", events.Load{Limit: 1, CPUs: 2, CPUShare: 0.75}.OfCPUs())
	require.Equal(t, " (all of 1.5 CPUs)", events.Load{Limit: 2, CPUs: 1.5, CPUShare: 1}.OfCPUs())
	require.Empty(t, events.Load{Limit: 64, Adaptive: true}.OfCPUs())
}
