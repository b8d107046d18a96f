package recipe_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"

	"github.com/stretchr/testify/require"
)

// even judges {"n": integer}: it must be even, and it may be absent.
func even(with json.RawMessage) error {
	var args struct{ N *int }
	if err := json.Unmarshal(with, &args); err != nil {
		return err
	}
	if args.N != nil && *args.N%2 != 0 {
		return ops.Fail(events.ReasonInvalidParameter, errors.New("n is odd"))
	}
	return nil
}

var (
	evens = map[string]func(json.RawMessage) error{"even": even}
	odd   = head + "crunch:\n- {op: other, with: {n: 1}}\n- {op: even, with: {n: 1}}\n"
)

func TestChecks_refuse_a_recipe_whose_arguments_cannot_be_right(t *testing.T) {
	for name, c := range map[string]struct{ doc, want string }{
		"of a crunch step": {odd, "line 5: crunch step 2: with: n is odd"},
		"of a fetch step":  {head + "fetch: {op: even, with: {n: 1}}\n", "line 3: fetch: with: n is odd"},
		"by default":       {head + "params:\n  n: {type: integer, default: 3}\ncrunch:\n- {op: even, with: {n: $n}}\n", "line 6: crunch step 1: with: n is odd"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := recipe.Checks{Fetch: evens, Crunch: evens}.Parse([]byte(c.doc))
			require.ErrorIs(t, err, recipe.ErrRecipe)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestChecks_let_through_what_they_do_not_know(t *testing.T) {
	_, err := recipe.Checks{Fetch: evens}.Parse([]byte(odd))
	require.NoError(t, err, "fetch and crunch have operations of their own")
	_, err = recipe.Parse([]byte(odd))
	require.NoError(t, err)
}

func TestChecks_judge_each_item_whose_arguments_depend_on_it(t *testing.T) {
	for name, doc := range map[string]string{
		"crunch": head + "primary: n\nparams: {n: {type: any}}\ncrunch:\n- {op: other}\n- {op: even, with: {n: $n}}\n",
		"fetch":  head + "primary: n\nparams: {n: {type: any}}\nfetch: {op: even, with: {n: $n}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			r, err := recipe.Checks{Fetch: evens, Crunch: evens}.Parse([]byte(doc))
			require.NoError(t, err)
			_, err = r.Resolve(events.Input{Text: "4"})
			require.NoError(t, err)
			_, err = r.Resolve(events.Input{})
			require.NoError(t, err, "an absent parameter is an absent argument")
			_, err = r.Resolve(events.Input{Text: "5"})
			p, ok := errors.AsType[*recipe.ParamError](err)
			require.True(t, ok)
			require.Equal(t, events.ReasonInvalidParameter, p.Reason)
			require.ErrorContains(t, err, ", op even: n is odd")
			require.ErrorContains(t, err, name)
		})
	}
}

func TestChecks_judge_once_what_depends_on_no_parameter(t *testing.T) {
	judged := 0 // the parameter of another step makes no difference
	count := map[string]func(json.RawMessage) error{"a": func(json.RawMessage) error { judged++; return nil }}
	r, err := recipe.Checks{Crunch: count}.Parse([]byte(head + "primary: n\nparams: {n: {type: integer}}\ncrunch: [{op: a, with: {x: 1}}, {op: b, with: {n: $n}}]\n"))
	require.NoError(t, err)
	for range 3 {
		_, err = r.Resolve(events.Input{Text: "4"})
		require.NoError(t, err)
	}
	require.Equal(t, 1, judged)
}

func TestChecks_judge_again_only_what_differs(t *testing.T) {
	var judged []string
	note := map[string]func(json.RawMessage) error{"a": func(with json.RawMessage) error { judged = append(judged, string(with)); return nil }}
	r, err := recipe.Checks{Crunch: note}.Parse([]byte(head + "primary: s\nparams: {s: {type: string}, n: {type: integer}}\ncrunch: [{op: a, with: {s: $s}}, {op: a, with: {n: $n}}]\n"))
	require.NoError(t, err)
	for _, text := range []string{"x", "x", "y", "x"} {
		_, err = r.Resolve(events.Input{Text: text})
		require.NoError(t, err)
	}
	require.Equal(t, []string{"{}", "{}", `{"s":"x"}`, `{"s":"y"}`, `{"s":"x"}`}, judged, "numbers are not judged with each item")
}

func TestChecks_of_other_faults_are_faults_of_arguments(t *testing.T) {
	broken := map[string]func(json.RawMessage) error{"a": func(with json.RawMessage) error {
		if string(with) == "{}" {
			return nil
		}
		return errors.New("no verdict")
	}}
	r, err := recipe.Checks{Crunch: broken}.Parse([]byte(head + "primary: n\nparams: {n: {type: any}}\ncrunch: [{op: a, with: {n: $n}}]\n"))
	require.NoError(t, err)
	_, err = r.Resolve(events.Input{Text: "4"})
	p, ok := errors.AsType[*recipe.ParamError](err)
	require.True(t, ok)
	require.Equal(t, events.ReasonInvalidParameter, p.Reason)
}
