package ops_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestArgs(t *testing.T) {
	type args struct {
		N    int    `json:"n"`
		Name string `json:"name"`
	}
	for _, row := range []struct {
		name, with string
		want       args
	}{
		{"an object is read", `{"n":2,"name":"a"}`, args{2, "a"}},
		{"what is absent keeps its default", `{"name":"a"}`, args{7, "a"}},
		{"no arguments are no fault", ``, args{N: 7}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := args{N: 7}
			require.NoError(t, ops.Input{With: json.RawMessage(row.with)}.Args(&got))
			require.Equal(t, row.want, got)
		})
	}
	for _, row := range []struct{ name, with, text string }{
		{"an argument that the operation does not have", `{"m":2}`, "m"},
		{"an argument of the wrong type", `{"n":"two"}`, "n"},
		{"something that is not an object", `[]`, "array"},
		{"something after the object", `{"n":2} {"n":3}`, "after"},
	} {
		t.Run(row.name+" is refused for good", func(t *testing.T) {
			err := ops.Input{With: json.RawMessage(row.with)}.Args(&args{})
			require.ErrorContains(t, err, row.text)
			failure := ops.AsFailure(err)
			require.Equal(t, events.ReasonInvalidParameter, failure.Reason)
			require.False(t, failure.Temporary)
		})
	}
}

func TestVerdicts(t *testing.T) {
	cause := errors.New("connection refused")
	for _, row := range []struct {
		name string
		err  error
		want ops.Failure
	}{
		{"retry tries again", ops.Retry(events.ReasonConnect, cause), ops.Failure{Reason: events.ReasonConnect, Err: cause, Temporary: true}},
		{
			"retry after tries again later", ops.RetryAfter(events.ReasonHTTPStatus, time.Minute, cause),
			ops.Failure{Reason: events.ReasonHTTPStatus, Err: cause, Temporary: true, After: time.Minute},
		},
		{"fail is for good", ops.Fail(events.ReasonTLS, cause), ops.Failure{Reason: events.ReasonTLS, Err: cause}},
		{"another error fails the computation for good", cause, ops.Failure{Reason: events.ReasonComputation, Err: cause}},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, &row.want, ops.AsFailure(row.err))
			require.ErrorIs(t, row.err, cause)
			require.EqualError(t, row.err, "connection refused")
		})
	}

	t.Run("what is wrapped around a verdict keeps verdict and text", func(t *testing.T) {
		failure := ops.AsFailure(fmt.Errorf("fetch https://example.com: %w", ops.RetryAfter(events.ReasonConnect, time.Second, cause)))
		require.Equal(t, events.ReasonConnect, failure.Reason)
		require.True(t, failure.Temporary)
		require.Equal(t, time.Second, failure.After)
		require.EqualError(t, failure, "fetch https://example.com: connection refused")
		require.ErrorIs(t, failure, cause)
	})

	t.Run("a verdict without an error says its reason", func(t *testing.T) {
		require.EqualError(t, ops.Fail(events.ReasonTooLarge, nil), "too_large")
	})
}

func TestSet(t *testing.T) {
	answer := func(v string) func(context.Context, ops.Input) (ops.Output, error) {
		return func(context.Context, ops.Input) (ops.Output, error) { return ops.Output{Value: ops.JSON(v)}, nil }
	}
	set := ops.NewSet(ops.Op{Name: "b", Run: answer("built in")}, ops.Op{Name: "a"}, ops.Op{Name: "b", Run: answer("mine")})

	t.Run("names are in order", func(t *testing.T) {
		require.Equal(t, []string{"a", "b"}, set.Names())
	})
	t.Run("an operation of one's own replaces a built-in one", func(t *testing.T) {
		out, err := set["b"].Run(t.Context(), ops.Input{})
		require.NoError(t, err)
		require.JSONEq(t, `"mine"`, string(out.Value))
	})
}

func TestJSON(t *testing.T) {
	t.Run("encodes", func(t *testing.T) {
		require.JSONEq(t, `{"n":1}`, string(ops.JSON(map[string]int{"n": 1})))
	})
	t.Run("panics on what cannot be encoded, for that is a mistake in the program", func(t *testing.T) {
		require.Panics(t, func() { ops.JSON(math.NaN()) })
	})
}

// The operation of the package documentation.
func ExampleOp() {
	double := ops.Op{Name: "double", Run: func(_ context.Context, in ops.Input) (ops.Output, error) {
		var args struct{ N int }
		if err := in.Args(&args); err != nil {
			return ops.Output{}, err
		}
		return ops.Output{Value: ops.JSON(2 * args.N)}, nil
	}}
	out, err := double.Run(context.Background(), ops.Input{With: json.RawMessage(`{"n":21}`)})
	fmt.Println(string(out.Value), err)
	// Output: 42 <nil>
}

func TestChecks(t *testing.T) {
	t.Run("are of those operations that have one", func(t *testing.T) {
		refused := errors.New("never")
		set := ops.NewSet(ops.Op{Name: "a"}, ops.Op{Name: "b", Check: func(json.RawMessage) error { return refused }})
		checks := set.Checks()
		require.Len(t, checks, 1)
		require.ErrorIs(t, checks["b"](nil), refused)
	})
}
