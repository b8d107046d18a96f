package programs

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestRunner_replaces_a_process_that_prints_garbage(t *testing.T) {
	for name, row := range map[string]struct {
		value, says string
		reason      events.Reason
	}{
		"text":                     {"raw hello world", `printed garbage: "hello world"`, events.ReasonComputation},
		"an empty line":            {"raw ", "printed garbage", events.ReasonComputation},
		"an id of somebody else":   {`raw {"id":999,"value":1}`, "it has the id 999", events.ReasonComputation},
		"no id":                    {`raw {"value":1}`, "it has no id", events.ReasonComputation},
		"a field that is none":     {`raw {"id":ID,"vlaue":1}`, `unknown field "vlaue"`, events.ReasonComputation},
		"two objects":              {`raw {"id":ID} {"id":ID}`, "more after", events.ReasonComputation},
		"a number that is none":    {`raw {"id":ID,"value":NaN}`, "NaN", events.ReasonComputation},
		"a body that is no base64": {`raw {"id":ID,"body":"ä"}`, "base64", events.ReasonComputation},
		"a reason that is none":    {`raw {"id":ID,"error":"x","reason":"worker_lost"}`, "worker_lost", events.ReasonComputation},
		"a retry without error":    {`raw {"id":ID,"retry":true}`, "need an error", events.ReasonComputation},
		"half a line":              {"partial-sleep", "", ""}, // only its time ends it
		"1 GB without line end":    {"flood", "more than 4096 bytes", events.ReasonTooLarge},
		"a line that is too long":  {"big 4096", "max_output", events.ReasonTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			r := runner(t, helper("worker"))
			before, err := ask(t, r, "pid")
			require.NoError(t, err)
			if row.reason == "" {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				_, err := r.Run(ctx, "p", Call{Value: text(row.value)})
				fails(t, err, events.ReasonTimeout, false, "deadline")
			} else {
				_, err := ask(t, r, row.value)
				fails(t, err, row.reason, false, row.says)
			}
			after, err := ask(t, r, "pid")
			require.NoError(t, err)
			require.NotEqual(t, before, after)
		})
	}

	t.Run("as long a line as is allowed is none", func(t *testing.T) {
		value, err := ask(t, runner(t, helper("worker")), "big 4076") // with {"id":1,"value":""}
		require.NoError(t, err)
		require.Len(t, value, 4078)
	})
	t.Run("nested too deeply", func(t *testing.T) {
		_, err := ask(t, runner(t, helper("worker")), `raw {"id":ID,"value":`+strings.Repeat("[", 501)+strings.Repeat("]", 501)+`}`)
		fails(t, err, events.ReasonComputation, false, "levels deep")
	})
	t.Run("a second answer is not the next item's", func(t *testing.T) {
		r := runner(t, helper("worker"))
		answers(t, r, "twice", "1")
		value, err := ask(t, r, "pid") // seen before it is asked, or as a wrong answer that it is not blamed for
		if err != nil {
			fails(t, err, events.ReasonComputation, true, "printed garbage")
		} else {
			require.NotEqual(t, "1", value)
		}
		answers(t, r, "hello", `"hello"`)
	})
}
