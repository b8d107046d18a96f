package programs

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestRunner_hands_over_and_takes_back(t *testing.T) {
	r := runner(t, helper("worker"))

	t.Run("a value", func(t *testing.T) { answers(t, r, "hello", `"hello"`) })
	t.Run("a body of any bytes", func(t *testing.T) {
		body := []byte(strings.Repeat("\x00\xff{\n", 100_000))
		out, err := r.Run(t.Context(), "p", Call{
			Value: text("big 10"), Size: int64(len(body)),
			Body: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(body))), nil },
		})
		require.NoError(t, err)
		require.Equal(t, `"xxxxxxxxxx"`, string(out.Value))
		small := []byte("\x00\xff{\n")
		out, err = r.Run(t.Context(), "p", Call{Body: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(small))), nil }})
		require.NoError(t, err)
		require.Equal(t, small, out.Body)
	})
	t.Run("one line with the id first, white space of the value taken out", func(t *testing.T) {
		r := runner(t, helper("worker"))
		out, err := r.Run(t.Context(), "p", Call{Item: "a.b", Args: json.RawMessage("{\n \"n\": 1 }"), Value: text("line")})
		require.NoError(t, err)
		var line string
		require.NoError(t, json.Unmarshal(out.Value, &line))
		require.Equal(t, `{"id":1,"item":"a.b","args":{"n":1},"value":"line"}`, line)
	})
	t.Run("an answer in pieces", func(t *testing.T) { answers(t, r, "pieces", `"whole"`) })
	t.Run("an error of the program's own", func(t *testing.T) {
		_, err := ask(t, r, `raw {"id":ID,"error":"no such thing"}`)
		fails(t, err, events.ReasonComputation, false, "program p: no such thing")
		_, err = ask(t, r, `raw {"id":ID,"error":"gone","reason":"not_found","retry":true}`)
		fails(t, err, events.ReasonNotFound, true, "gone")
	})
	t.Run("a traceback, as the value of the failed item", func(t *testing.T) {
		value, err := ask(t, r, `raw {"id":ID,"error":"bad","traceback":"line 1\nline 2"}`)
		fails(t, err, events.ReasonComputation, false, "bad")
		require.JSONEq(t, `{"traceback":"line 1\nline 2"}`, value)
		value, err = ask(t, r, `raw {"id":ID,"error":"bad","traceback":"x","value":7}`)
		fails(t, err, events.ReasonComputation, false, "bad")
		require.Equal(t, "7", value)
	})
	t.Run("nothing, which keeps the value", func(t *testing.T) { answers(t, r, `raw {"id":ID}`, "") })
	t.Run("always the same process", func(t *testing.T) {
		first, err := ask(t, r, "pid")
		require.NoError(t, err)
		answers(t, r, "pid", first)
	})
	t.Run("a clean environment", func(t *testing.T) {
		answers(t, r, "environment", `["`+modeVariable+`=worker","`+noRaceSleep+`"]`)
	})
	t.Run("in its folder", func(t *testing.T) {
		p := helper("worker")
		p.dir = t.TempDir()
		answers(t, runner(t, p), "folder", string(text(p.dir)))
	})
}

func TestRunner_refuses_programs_that_are_not_listed(t *testing.T) {
	_, err := runner(t, helper("worker")).Run(t.Context(), "rm", Call{})
	fails(t, err, events.ReasonInvalidParameter, false, "there are p")
	var none *Runner
	_, err = none.Run(t.Context(), "p", Call{})
	fails(t, err, events.ReasonForbiddenTarget, false, "--programs FILE")
	_, err = none.Run(t.Context(), "", Call{})
	fails(t, err, events.ReasonMissingParameter, false, "program")
	require.NoError(t, none.Close())
}

func TestRunner_bounds_the_body(t *testing.T) {
	p := helper("worker")
	p.maxInput = 10
	r := runner(t, p)
	body := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(strings.Repeat("x", 11))), nil }
	_, err := r.Run(t.Context(), "p", Call{Body: body, Size: 11})
	fails(t, err, events.ReasonTooLarge, false, "max_input, 10 bytes")
	_, err = r.Run(t.Context(), "p", Call{Body: body})
	fails(t, err, events.ReasonTooLarge, false, "max_input, 10 bytes")
	_, err = r.Run(t.Context(), "p", Call{Body: func() (io.ReadCloser, error) { return nil, ops.Fail(events.ReasonNotFound, errors.New("no body")) }})
	fails(t, err, events.ReasonNotFound, false, "no body")
	_, err = r.Run(t.Context(), "p", Call{Body: func() (io.ReadCloser, error) { return io.NopCloser(broken{}), nil }})
	fails(t, err, events.ReasonStorage, true, "the disk is on fire")
	answers(t, r, "hello", `"hello"`)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the disk is on fire") }
