package client

import (
	"errors"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func write(index int64, body string) letter {
	return letter{msg: &nats.Msg{Data: []byte(body)}, index: index}
}

func TestSlowestFirst_orders_what_there_is(t *testing.T) {
	cost := costOf(events.BatchOpened{Primary: "n", Cost: "n"})
	in := make(chan letter, 10)
	fault := errors.New("the file ends in the middle of a line")
	for i, body := range []string{"3", `{"n":100}`, "20", `{"n":100,"x":1}`, "text", "{"} {
		in <- write(int64(i), body)
	}
	in <- letter{index: 6, err: fault}
	close(in)
	var order []int64
	for l := range slowestFirst(t.Context(), in, cost) {
		order = append(order, l.index)
	}
	require.Equal(t, []int64{1, 3, 2, 0, 4, 5, 6}, order, "equal ones in their order, and a fault last")
}

func TestSlowestFirst_does_not_wait_for_a_sequence_that_stays_open(t *testing.T) {
	in := make(chan letter)
	out := slowestFirst(t.Context(), in, costOf(events.BatchOpened{Primary: "n", Cost: "n"}))
	for i := range int64(3) { // each comes before the next is there
		in <- write(i, strconv.FormatInt(i, 10))
		require.Equal(t, i, (<-out).index)
	}
	close(in)
	_, more := <-out
	require.False(t, more)
}

func TestSlowestFirst_looks_ahead_only_so_far(t *testing.T) {
	in := make(chan letter, lookAheadItems+1)
	for i := range int64(cap(in)) {
		in <- write(i, strconv.FormatInt(i, 10))
	}
	close(in)
	out := slowestFirst(t.Context(), in, costOf(events.BatchOpened{Primary: "n", Cost: "n"}))
	require.EqualValues(t, lookAheadItems-1, (<-out).index)
	var last letter
	for l := range out {
		last = l
	}
	require.EqualValues(t, lookAheadItems, last.index)
}

func TestCostOf_is_nothing_where_nothing_is_known(t *testing.T) {
	require.Nil(t, costOf(events.BatchOpened{Primary: "n"}))
	other := costOf(events.BatchOpened{Primary: "url", Cost: "seconds"})
	require.InDelta(t, 0, other(write(0, "5")), 0)
	require.InDelta(t, 2.5, other(write(0, `{"url":"x","seconds":2.5}`)), 0)
}
