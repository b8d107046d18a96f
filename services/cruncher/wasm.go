package cruncher

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/fetchmill/fetchmill/internal/modules"
	"github.com/fetchmill/fetchmill/internal/wasm"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Bounds of what a program gets and yields.
const (
	maxWASMBody   = 16 << 20 // of a body that it makes
	maxWASMConfig = 64 << 10
	maxWASMStderr = 8 << 10
	maxWASMDepth  = 1_000 // of a value: readers of JSON stop somewhere, Go's at 10,000
	// exitTemporary is EX_TEMPFAIL of sysexits.h: the program asks to be run again later.
	exitTemporary = 75
)

// Modules is where modules of WebAssembly are kept.
type Modules interface {
	// Resolve returns the hash of what a name means now.
	Resolve(ctx context.Context, ref string) (hash string, err error)
	// Load returns the bytes with a hash, at most so many.
	Load(ctx context.Context, hash string, most int64) ([]byte, error)
}

// noModules is where there are none.
type noModules struct{}

func (noModules) Resolve(context.Context, string) (string, error) {
	return "", fmt.Errorf("%w: this cruncher has no store of modules", modules.ErrNotFound)
}

func (noModules) Load(context.Context, string, int64) ([]byte, error) {
	return nil, fmt.Errorf("%w: this cruncher has no store of modules", modules.ErrNotFound)
}

// wasmOp is the operation wasm: it runs a program of the user's, a WASI command, on the body handed over by the step before or else
// on the value so far, which the program reads from its standard input; what it writes to its standard output is the new value or body.
// Arguments {"module": name or "sha256:…", "config": any JSON, "data": any JSON, "input": "body" | "value" | "item",
// "output": "value" | "text" | "body", "memory_mb": integer}. docs/wasm.md has the details.
func wasmOp(engine *wasm.Engine, kept Modules, log *slog.Logger) ops.Op {
	w := wasmRunner{engine: engine, kept: kept, names: newNames(kept.Resolve, time.Now), log: log}
	return ops.Op{Name: "wasm", Run: w.run, Check: checker[wasmArgs](wasmDefaults)}
}

type wasmRunner struct {
	engine *wasm.Engine
	kept   Modules
	names  *names
	log    *slog.Logger
}

// wasmArgs are the arguments of the operation.
type wasmArgs struct {
	Module   string          `json:"module"`
	Config   json.RawMessage `json:"config"`
	Data     json.RawMessage `json:"data"`
	Input    string          `json:"input"`
	Output   string          `json:"output"`
	MemoryMB int64           `json:"memory_mb"`
}

var wasmDefaults = wasmArgs{Output: "value", MemoryMB: wasm.DefaultMemoryBytes >> 20}

func (w *wasmRunner) run(ctx context.Context, in ops.Input) (ops.Output, error) {
	args, err := read[wasmArgs](in, wasmDefaults)
	if err != nil {
		return ops.Output{}, err
	}
	if args.Module == "" {
		return ops.Output{}, missing(`wasm needs the argument "module", the name of a module, such as {"module": "words"}`)
	}
	hash, err := w.names.hash(ctx, args.Module)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ops.Output{}, ops.Retry(events.ReasonTimeout, fmt.Errorf("look up wasm module %.100s: %w", args.Module, context.Cause(ctx)))
	}
	if err != nil {
		return ops.Output{}, moduleVerdict(ctx, args.Module, err)
	}
	if err := in.Reserve(args.MemoryMB<<20 + 3*int64(args.stdoutBytes())); err != nil {
		return ops.Output{}, fmt.Errorf("wasm module %.100s with memory_mb %d: %w", args.Module, args.MemoryMB, err)
	}
	stdin, err := args.stdin(ctx, in)
	if err != nil {
		return ops.Output{}, err
	}
	defer stdin.Close()
	call := wasm.Call{
		Args: []string{args.Module}, Stdin: stdin, MemoryBytes: args.MemoryMB << 20, StdoutBytes: args.stdoutBytes(), StderrBytes: maxWASMStderr,
	}
	if len(args.Config) > 0 {
		call.Args = append(call.Args, string(args.Config))
	}
	load := func(ctx context.Context, most int64) ([]byte, error) { return w.kept.Load(ctx, hash, most) }
	start := time.Now()
	result, err := w.engine.Run(ctx, hash, load, in.Park, call)
	if result.Stderr != "" {
		w.log.Debug("program wrote to its standard error", "module", args.Module, "sha256", hash, "item", in.ID, "text", result.Stderr)
	}
	w.log.Debug("program ended", "module", args.Module, "sha256", hash, "item", in.ID,
		"exit_code", result.ExitCode, "memory_bytes", result.Peak, "elapsed", time.Since(start), "error", err)
	if err != nil {
		return ops.Output{}, moduleVerdict(ctx, args.Module, err)
	}
	if result.ExitCode != 0 {
		return ops.Output{}, exitVerdict(args.Module, result)
	}
	return args.output(result.Stdout)
}

func (a *wasmArgs) check() error {
	if a.Module != "" {
		if _, _, err := modules.ParseRef(a.Module); err != nil {
			return invalid("wasm: %w", err)
		}
	}
	switch a.Input {
	case "", "body", "value", "item":
	default:
		return invalid("wasm: input %.40q: use body, value or item, or leave it out", a.Input)
	}
	if a.Input != "" && len(a.Data) > 0 {
		return invalid("wasm: input and data are both given: use one of them")
	}
	switch a.Output {
	case "value", "text", "body":
	default:
		return invalid("wasm: output %.40q: use value, text or body", a.Output)
	}
	if len(a.Config) > maxWASMConfig {
		return invalid("wasm: config has %d bytes: use at most %d", len(a.Config), maxWASMConfig)
	}
	return within("wasm", "memory_mb", &a.MemoryMB, 1, wasm.MaxMemoryBytes>>20)
}

// stdin is what the program reads.
func (a *wasmArgs) stdin(ctx context.Context, in ops.Input) (io.ReadCloser, error) {
	bytesOf := func(data []byte) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	if len(a.Data) > 0 {
		var text string
		if json.Unmarshal(a.Data, &text) == nil && a.Data[0] == '"' {
			return bytesOf([]byte(text))
		}
		return bytesOf(a.Data)
	}
	switch hasBody := in.HasBody(); {
	case a.Input == "item":
		return bytesOf(ops.JSON(struct {
			ID      string          `json:"id"`
			Batch   string          `json:"batch,omitempty"`
			Index   int64           `json:"index"`
			Attempt int             `json:"attempt"`
			Value   json.RawMessage `json:"value,omitempty"`
		}{in.ID, in.Batch, in.Index, in.Attempt, in.Value}))
	case a.Input == "value", a.Input == "" && !hasBody:
		return bytesOf(in.Value)
	}
	return in.Open(ctx)
}

func (a *wasmArgs) stdoutBytes() int {
	if a.Output == "body" {
		return maxWASMBody
	}
	return maxOutputBytes
}

// output makes of what the program wrote what the step yields.
func (a *wasmArgs) output(written []byte) (ops.Output, error) {
	fail := func(reason events.Reason, format string, args ...any) (ops.Output, error) {
		return ops.Output{}, ops.Fail(reason, fmt.Errorf("wasm module %.100s: "+format, append([]any{a.Module}, args...)...))
	}
	switch a.Output {
	case "body":
		if written == nil {
			written = []byte{} // an empty body is one, too
		}
		return ops.Output{Body: written}, nil
	case "text":
		if !utf8.Valid(written) {
			return fail(events.ReasonComputation, "what it wrote to its standard output is not UTF-8: use output: body")
		}
		value := ops.JSON(string(written))
		if len(value) > maxOutputBytes {
			return fail(events.ReasonTooLarge, "what it wrote has %d bytes as JSON, and at most %d travel on", len(value), maxOutputBytes)
		}
		return ops.Output{Value: value}, nil
	}
	written = bytes.TrimSpace(written)
	if len(written) == 0 {
		return ops.Output{Value: json.RawMessage("null")}, nil
	}
	if !validJSON(written, maxWASMDepth) {
		return fail(events.ReasonComputation, "what it wrote to its standard output is not one JSON document: it begins with %.60q; use output: text or body for other than JSON", written)
	}
	return ops.Output{Value: written}, nil
}

// validJSON tells whether data is one JSON document in UTF-8 that is nested no deeper than most.
func validJSON(data []byte, most int) bool {
	if !json.Valid(data) || !utf8.Valid(data) {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[', c == '{':
			if depth++; depth > most {
				return false
			}
		case c == ']', c == '}':
			depth--
		}
	}
	return true
}

// exitVerdict is what the end of a program with another exit code than 0 means.
func exitVerdict(module string, r wasm.Result) error {
	said := "and wrote nothing to its standard error"
	if r.Stderr != "" {
		said = "and wrote to its standard error: " + clipText(r.Stderr)
	}
	err := fmt.Errorf("wasm module %.100s ended with exit code %d %s", module, r.ExitCode, said)
	if r.ExitCode == exitTemporary {
		return ops.Retry(events.ReasonComputation, err)
	}
	return ops.Fail(events.ReasonComputation, err)
}

// clipText cuts what a program says to what an error text should have.
func clipText(s string) string {
	const most = 2000
	s = string(bytes.TrimSpace([]byte(s)))
	if len(s) <= most {
		return s
	}
	n := most
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// moduleVerdict makes of an error of a module's run what becomes of the item.
func moduleVerdict(ctx context.Context, module string, err error) error {
	if f, ok := errors.AsType[*ops.Failure](err); ok { // of the input
		return ops.AsFailure(fmt.Errorf("wasm module %.100s: %w", module, f))
	}
	what := fmt.Errorf("wasm module %.100s: %w", module, err)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && errors.Is(err, wasm.ErrCompiling):
		return ops.Retry(events.ReasonTimeout, what)
	case ctx.Err() != nil:
		return interrupted(ctx, fmt.Sprintf("wasm module %.100s", module))
	case errors.Is(err, modules.ErrName), errors.Is(err, wasm.ErrModule):
		return ops.Fail(events.ReasonInvalidParameter, what)
	case errors.Is(err, modules.ErrNotFound):
		return ops.Fail(events.ReasonNotFound, fmt.Errorf("%w; put it there with: fetchmill wasm put", what))
	case errors.Is(err, wasm.ErrTooCostly), errors.Is(err, modules.ErrTooLarge), errors.Is(err, wasm.ErrOutput):
		return ops.Fail(events.ReasonTooLarge, what)
	case errors.Is(err, wasm.ErrMemory):
		return ops.Fail(events.ReasonTooLarge, fmt.Errorf("%w; raise memory_mb if that is meant", what))
	case errors.Is(err, wasm.ErrTrap):
		return ops.Fail(events.ReasonComputation, what)
	}
	return ops.Retry(events.ReasonStorage, what) // of the store, the folder for compiled code, or an engine that is being closed
}
