package cruncher_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher"
	"github.com/fetchmill/fetchmill/services/cruncher/programs"
)

// toolbox has a program "tell", which answers with what it was asked, as a text.
func toolbox(t *testing.T) *cruncher.Toolbox {
	t.Helper()
	_, err := exec.LookPath("sed")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "programs.yaml")
	script := `tell:
  command:
    - sh
    - -c
    - |
      while read -r line; do
        id=${line#*:}; id=${id%%[,\}]*}
        printf '{"id":%s,"value":"%s"}\n' "$id" "$(printf %s "$line" | sed 's/"/\\"/g')"
      done
`
	require.NoError(t, os.WriteFile(file, []byte(script), 0o600))
	c, err := programs.Load(file)
	require.NoError(t, err)
	box := cruncher.NewToolbox(cruncher.ToolConfig{Programs: c, Concurrency: 1})
	t.Cleanup(func() { require.NoError(t, box.Close()) })
	return box
}

func TestExec_tells_the_program_what_there_is(t *testing.T) {
	op := toolbox(t).Ops()["exec"]
	value, body := json.RawMessage(`[1]`), []byte("abc")
	for _, row := range []struct{ name, with, want string }{
		{"value and body of the steps before", `{"program":"tell"}`, `{"id":1,"item":"i","value":[1],"body":"YWJj"}`},
		{"an input instead", `{"program":"tell","input":null}`, `{"id":2,"item":"i","value":null}`},
		{"arguments besides", `{"program":"tell","input":2,"args":{"a":3}}`, `{"id":3,"item":"i","args":{"a":3},"value":2}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, err := op.Run(t.Context(), ops.Input{With: json.RawMessage(row.with), Value: value, Body: body, ID: "i"})
			require.NoError(t, err)
			var told string
			require.NoError(t, json.Unmarshal(out.Value, &told))
			require.Equal(t, row.want, told)
			require.Nil(t, out.Body)
		})
	}
}

func TestExec_refuses_bad_arguments(t *testing.T) {
	box := toolbox(t).Ops()["exec"]
	for with, want := range map[string]events.Reason{
		`{}`: events.ReasonMissingParameter, `{"program":"rm"}`: events.ReasonInvalidParameter, `{"command":["ls"]}`: events.ReasonInvalidParameter,
		`{"program":["ls"]}`: events.ReasonInvalidParameter,
	} {
		_, err := box.Run(t.Context(), ops.Input{With: json.RawMessage(with)})
		require.Equal(t, want, reason(err), with)
	}
	_, err := run(t, "exec", `{"program":"tell"}`, ops.Input{})
	require.Equal(t, events.ReasonForbiddenTarget, reason(err), "without a list there are no programs")
}

func FuzzExecArguments(f *testing.F) {
	for _, s := range []string{`{"program":"x","input":1,"args":{}}`, `{"program":"x"}`, `{}`, `[]`, `{"command":"x"}`} {
		f.Add([]byte(s))
	}
	op := cruncher.Builtin()["exec"]
	f.Fuzz(func(t *testing.T, with []byte) {
		_, err := op.Run(t.Context(), ops.Input{With: with})
		failure, ok := errors.AsType[*ops.Failure](err)
		require.True(t, ok, "there are no programs, so it must fail: %v", err)
		require.False(t, failure.Temporary)
	})
}
