package cruncher_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/internal/modules"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/internal/wasm"
	"github.com/fetchmill/fetchmill/internal/wasm/wasmtest"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher"
)

// wasmBench is the operation with a store of its own.
type wasmBench struct {
	op     ops.Op
	store  *modules.Store
	broker *brokertest.Broker
	log    bytes.Buffer
}

func newWASM(t testing.TB, cfg wasm.Config) *wasmBench {
	t.Helper()
	if cfg.CompileTime == 0 {
		cfg.CompileTime = 10 * time.Minute // the machine may be busy with other tests
	}
	w := &wasmBench{broker: brokertest.New(t)}
	w.broker.Provision(topology.Default())
	w.store = modules.New(w.broker.JetStream())
	log := slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	box := cruncher.NewToolbox(cruncher.ToolConfig{Modules: w.store, WASM: cfg, Log: log})
	t.Cleanup(func() { require.NoError(t, box.Close()) })
	w.op = box.Ops()["wasm"]
	return w
}

func (w *wasmBench) put(t testing.TB, name string, data []byte) modules.Module {
	t.Helper()
	m, _, err := w.store.Put(t.Context(), name, data)
	require.NoError(t, err)
	return m
}

func (w *wasmBench) run(t testing.TB, with string, in ops.Input) (ops.Output, error) {
	t.Helper()
	in.With = json.RawMessage(with)
	return w.op.Run(t.Context(), in)
}

func TestWASM_hands_over_input_and_output(t *testing.T) {
	w := newWASM(t, wasm.Config{})
	w.put(t, "echo", wasmtest.Echo())
	value := json.RawMessage(`{"v": 1}`)
	stored := func(context.Context, events.BodyRef) (io.ReadCloser, error) {
		return io.NopCloser(iotest.OneByteReader(strings.NewReader(`"stored"`))), nil
	}
	for name, c := range map[string]struct {
		with string
		in   ops.Input
		want ops.Output
	}{
		"the value":                {`{"module":"echo"}`, ops.Input{Value: value}, ops.Output{Value: value}},
		"the body before it":       {`{"module":"echo"}`, ops.Input{Value: value, Body: []byte("[1]\n")}, ops.Output{Value: json.RawMessage("[1]")}},
		"a body that is stored":    {`{"module":"echo"}`, ops.Input{BodyRef: &events.BodyRef{Object: "o"}, Stored: stored}, ops.Output{Value: json.RawMessage(`"stored"`)}},
		"the value though asked":   {`{"module":"echo","input":"value"}`, ops.Input{Value: value, Body: []byte("[1]")}, ops.Output{Value: value}},
		"the body though empty":    {`{"module":"echo","input":"body"}`, ops.Input{Value: value}, ops.Output{Value: json.RawMessage("null")}},
		"nothing":                  {`{"module":"echo"}`, ops.Input{}, ops.Output{Value: json.RawMessage("null")}},
		"a text":                   {`{"module":"echo","data":"to \"be\"","output":"text"}`, ops.Input{Value: value}, ops.Output{Value: json.RawMessage(`"to \"be\""`)}},
		"any JSON":                 {`{"module":"echo","data":{"a":[1, 2]}}`, ops.Input{}, ops.Output{Value: json.RawMessage(`{"a":[1, 2]}`)}},
		"bytes":                    {`{"module":"echo","output":"body"}`, ops.Input{Body: []byte("\xff\x00")}, ops.Output{Body: []byte("\xff\x00")}},
		"a body of no bytes":       {`{"module":"echo","output":"body"}`, ops.Input{}, ops.Output{Body: []byte{}}},
		"a text of no bytes":       {`{"module":"echo","output":"text"}`, ops.Input{}, ops.Output{Value: json.RawMessage(`""`)}},
		"brackets within a string": {`{"module":"echo"}`, ops.Input{Value: json.RawMessage(`"` + strings.Repeat(`[\"`, 2000) + `"`)}, ops.Output{Value: json.RawMessage(`"` + strings.Repeat(`[\"`, 2000) + `"`)}},
		"the item": {
			`{"module":"echo","input":"item"}`,
			ops.Input{ID: "i", Batch: "b", Index: 7, Attempt: 2, Value: json.RawMessage(`{"v":1}`), Body: []byte("x")},
			ops.Output{Value: json.RawMessage(`{"id":"i","batch":"b","index":7,"attempt":2,"value":{"v":1}}`)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := w.run(t, c.with, c.in)
			require.NoError(t, err)
			require.Equal(t, c.want, out)
		})
	}
}

func TestWASM_reserves_memory_before_it_runs(t *testing.T) {
	w := newWASM(t, wasm.Config{})
	w.put(t, "m", wasmtest.Spec{}.Bytes())
	var most int64
	_, err := w.run(t, `{"module":"m","memory_mb":8}`, ops.Input{Reserving: func(n int64) error { most = n; return nil }})
	require.NoError(t, err)
	require.EqualValues(t, 8<<20+3*512<<10, most)
	short := errors.New("short")
	_, err = w.run(t, `{"module":"m","memory_mb":8}`, ops.Input{Reserving: func(int64) error { return short }})
	require.ErrorIs(t, err, short)
	require.ErrorContains(t, err, "memory_mb 8")
}

func TestWASM_gives_the_program_its_name_and_its_configuration(t *testing.T) {
	w := newWASM(t, wasm.Config{})
	w.put(t, "args", wasmtest.Go(t, `package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "not in the result")
	fmt.Printf("%q", os.Args)
}
`))
	out, err := w.run(t, `{"module":"args","output":"text"}`, ops.Input{})
	require.NoError(t, err)
	require.Equal(t, `"[\"args\"]"`, string(out.Value))
	out, err = w.run(t, `{"module":"args","output":"text","config": {"top": 3}}`, ops.Input{ID: "item-1"})
	require.NoError(t, err)
	require.Equal(t, `["args" "{\"top\": 3}"]`, unquoted(t, out.Value))
	require.Contains(t, w.log.String(), "not in the result")
	require.Contains(t, w.log.String(), "item=item-1")
}

func unquoted(t *testing.T, v json.RawMessage) string {
	t.Helper()
	var s string
	require.NoError(t, json.Unmarshal(v, &s))
	return s
}

func TestWASM_tells_why_it_failed(t *testing.T) {
	w := newWASM(t, wasm.Config{ModuleBytes: 100_000})
	w.put(t, "echo", wasmtest.Echo())
	w.put(t, "fails", wasmtest.Print(2, " cannot parse line 3\n", 1))
	w.put(t, "later", wasmtest.Print(2, "not yet", 75))
	w.put(t, "silent", wasmtest.Print(1, "", 9))
	w.put(t, "wordy", wasmtest.Print(2, strings.Repeat("é", 3000), 1))
	w.put(t, "traps", wasmtest.Spec{Body: []byte{0}}.Bytes())
	w.put(t, "text", wasmtest.Print(1, "just text", 0))
	w.put(t, "binary", wasmtest.Print(1, "\xff", 0))
	w.put(t, "quotes", wasmtest.Print(1, strings.Repeat("\x01", 90_000), 0))
	w.put(t, "deep", wasmtest.Print(1, strings.Repeat("[", 1001)+strings.Repeat("]", 1001), 0))
	w.put(t, "endless", wasmtest.Spec{Body: wasmtest.Forever(wasmtest.Write(1, 0, 60_000)...)}.Bytes())
	w.put(t, "memory", wasmtest.Spec{Pages: 100}.Bytes())
	w.put(t, "no-module", []byte("#!/bin/sh\n"))
	w.put(t, "large", make([]byte, 100_001))
	gone := ops.Fail(events.ReasonNotFound, errors.New("the body is gone"))
	for name, c := range map[string]struct {
		with      string
		in        ops.Input
		reason    events.Reason
		temporary bool
		says      string
	}{
		"no module named":        {`{}`, ops.Input{}, events.ReasonMissingParameter, false, `{"module": "words"}`},
		"a bad name":             {`{"module":"../x"}`, ops.Input{}, events.ReasonInvalidParameter, false, "use 1 to 64 of"},
		"a bad hash":             {`{"module":"sha256:12"}`, ops.Input{}, events.ReasonInvalidParameter, false, "64 hexadecimal digits"},
		"an unknown argument":    {`{"module":"echo","modul":1}`, ops.Input{}, events.ReasonInvalidParameter, false, "modul"},
		"an unknown input":       {`{"module":"echo","input":"stdin"}`, ops.Input{}, events.ReasonInvalidParameter, false, "use body, value or item"},
		"two inputs":             {`{"module":"echo","input":"body","data":1}`, ops.Input{}, events.ReasonInvalidParameter, false, "use one of them"},
		"an unknown output":      {`{"module":"echo","output":"json"}`, ops.Input{}, events.ReasonInvalidParameter, false, "use value, text or body"},
		"no memory":              {`{"module":"echo","memory_mb":0}`, ops.Input{}, events.ReasonInvalidParameter, false, "a number from 1 to 1024"},
		"a large configuration":  {`{"module":"echo","config":"` + strings.Repeat("c", 70_000) + `"}`, ops.Input{}, events.ReasonInvalidParameter, false, "at most 65536"},
		"an unknown module":      {`{"module":"nobody"}`, ops.Input{}, events.ReasonNotFound, false, "fetchmill wasm put"},
		"an unknown hash":        {`{"module":"sha256:` + strings.Repeat("a", 64) + `"}`, ops.Input{}, events.ReasonNotFound, false, "fetchmill wasm put"},
		"not a module":           {`{"module":"no-module"}`, ops.Input{}, events.ReasonInvalidParameter, false, "it begins with"},
		"a large module":         {`{"module":"large"}`, ops.Input{}, events.ReasonTooLarge, false, "more than 100000 bytes"},
		"an exit code":           {`{"module":"fails"}`, ops.Input{}, events.ReasonComputation, false, "exit code 1 and wrote to its standard error: cannot parse line 3"},
		"an exit code in peace":  {`{"module":"silent"}`, ops.Input{}, events.ReasonComputation, false, "exit code 9 and wrote nothing"},
		"a temporary failure":    {`{"module":"later"}`, ops.Input{}, events.ReasonComputation, true, "exit code 75 and wrote to its standard error: not yet"},
		"a long explanation":     {`{"module":"wordy"}`, ops.Input{}, events.ReasonComputation, false, "éé…"},
		"a trap":                 {`{"module":"traps"}`, ops.Input{}, events.ReasonComputation, false, "unreachable"},
		"text for JSON":          {`{"module":"text"}`, ops.Input{}, events.ReasonComputation, false, "use output: text or body"},
		"bytes for text":         {`{"module":"binary","output":"text"}`, ops.Input{}, events.ReasonComputation, false, "use output: body"},
		"a text larger as JSON":  {`{"module":"quotes","output":"text"}`, ops.Input{}, events.ReasonTooLarge, false, "540002 bytes as JSON"},
		"JSON without a floor":   {`{"module":"deep"}`, ops.Input{}, events.ReasonComputation, false, "not one JSON document"},
		"output without an end":  {`{"module":"endless"}`, ops.Input{}, events.ReasonTooLarge, false, "more than 524288 bytes"},
		"a body without an end":  {`{"module":"endless","output":"body"}`, ops.Input{}, events.ReasonTooLarge, false, "more than 16777216 bytes"},
		"too little memory":      {`{"module":"memory","memory_mb":1}`, ops.Input{}, events.ReasonTooLarge, false, "raise memory_mb"},
		"a body that is not had": {`{"module":"echo"}`, ops.Input{BodyRef: &events.BodyRef{Object: "o"}}, events.ReasonStorage, false, "object store"},
		"a body that is gone": {`{"module":"echo"}`, ops.Input{BodyRef: &events.BodyRef{}, Stored: func(context.Context, events.BodyRef) (io.ReadCloser, error) {
			return io.NopCloser(iotest.ErrReader(gone)), nil
		}}, events.ReasonNotFound, false, "the body is gone"},
		"a body that breaks off": {`{"module":"echo"}`, ops.Input{BodyRef: &events.BodyRef{}, Stored: func(context.Context, events.BodyRef) (io.ReadCloser, error) {
			return io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)), nil
		}}, events.ReasonStorage, true, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.run(t, c.with, c.in)
			require.Error(t, err)
			f := ops.AsFailure(err)
			require.Equal(t, []any{c.reason, c.temporary}, []any{f.Reason, f.Temporary}, f.Error())
			require.ErrorContains(t, err, c.says)
			require.Less(t, len(f.Error()), 3000)
		})
	}
	out, err := w.run(t, `{"module":"echo","data":1}`, ops.Input{})
	require.NoError(t, err, "it goes on after all of that")
	require.Equal(t, "1", string(out.Value))
}

func TestWASM_stops(t *testing.T) {
	w := newWASM(t, wasm.Config{})
	w.put(t, "endless", wasmtest.Spec{Body: wasmtest.Forever()}.Bytes())
	in := ops.Input{With: json.RawMessage(`{"module":"endless"}`)}
	t.Run("at its timeout", func(t *testing.T) {
		_, warm := w.run(t, `{"module":"endless","memory_mb":1}`, ops.Input{BodyRef: &events.BodyRef{}})
		require.Error(t, warm)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := w.op.Run(ctx, in)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, events.ReasonTimeout, reason(err))
	})
	t.Run("when the worker stops", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := w.op.Run(ctx, in)
		require.ErrorIs(t, err, context.Canceled)
	})
}

// timed is a context whose time is over when a channel is closed, however long the machine takes for what comes before.
type timed struct {
	context.Context //nolint:containedctx // it is one
	over            chan struct{}
}

func (c timed) Done() <-chan struct{} { return c.over }

func (c timed) Err() error {
	select {
	case <-c.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestWASM_is_tried_again_when_compiling_takes_longer_than_the_step_may(t *testing.T) {
	w := newWASM(t, wasm.Config{})
	w.put(t, "go", wasmtest.Go(t, "package main\n\nfunc main() { println(\"done\") }\n"))
	ctx := timed{t.Context(), make(chan struct{})}
	parked := 0
	_, err := w.op.Run(ctx, ops.Input{With: json.RawMessage(`{"module":"go"}`), Parking: func() func() {
		parked++
		close(ctx.over) // as it begins to compile
		return func() { parked++ }
	}})
	f := ops.AsFailure(err)
	require.Equal(t, []any{events.ReasonTimeout, true}, []any{f.Reason, f.Temporary}, f.Error())
	require.Equal(t, 2, parked, "another item had its place meanwhile")
	_, err = w.run(t, `{"module":"go"}`, ops.Input{})
	require.NoError(t, err)
}

func TestWASM_follows_names_within_seconds(t *testing.T) {
	w := newWASM(t, wasm.Config{})
	old := w.put(t, "answer", wasmtest.Print(1, "1", 0))
	answer := func(module string) string {
		out, err := w.run(t, `{"module":"`+module+`"}`, ops.Input{})
		require.NoError(t, err)
		return string(out.Value)
	}
	require.Equal(t, "1", answer("answer"))
	w.put(t, "answer", wasmtest.Print(1, "2", 0))
	require.Eventually(t, func() bool { return answer("answer") == "2" }, time.Minute, 50*time.Millisecond)
	require.Equal(t, "1", answer(modules.Prefix+old.SHA256), "a hash stays what it is")
}

func TestWASM_is_tried_again_when_the_store_does_not_answer(t *testing.T) {
	w := newWASM(t, wasm.Config{})
	w.put(t, "echo", wasmtest.Echo())
	w.broker.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := w.op.Run(ctx, ops.Input{With: json.RawMessage(`{"module":"echo"}`)})
	f := ops.AsFailure(err)
	require.Equal(t, []any{events.ReasonStorage, true}, []any{f.Reason, f.Temporary}, f.Error())
	w.broker.Start()
	require.Eventually(t, func() bool {
		_, err := w.run(t, `{"module":"echo"}`, ops.Input{})
		return err == nil
	}, time.Minute, 50*time.Millisecond)
}

func FuzzWASM_arguments(f *testing.F) {
	w := newWASM(f, wasm.Config{})
	w.put(f, "echo", wasmtest.Echo())
	for _, with := range []string{
		`{"module":"echo"}`, `{"module":"echo","data":"x","output":"text","config":[1],"memory_mb":2}`, `{"module":"echo","input":"item"}`,
		`{"module":"sha256:00"}`, `{"module":"echo","memory_mb":-1}`, `{"module":"echo","data":null}`, `{`, ``,
	} {
		f.Add(with, []byte(`{"a":1}`), []byte("body"))
	}
	f.Fuzz(func(t *testing.T, with string, value, body []byte) {
		in := ops.Input{Body: body}
		if json.Valid(value) {
			in.Value = value
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		in.With = json.RawMessage(with)
		out, err := w.op.Run(ctx, in)
		if err == nil && out.Value != nil {
			require.True(t, json.Valid(out.Value))
		}
	})
}
