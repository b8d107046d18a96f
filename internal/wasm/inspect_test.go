package wasm_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/wasm"
	"github.com/fetchmill/fetchmill/internal/wasm/wasmtest"
)

func TestInspect_takes_commands(t *testing.T) {
	for name, data := range map[string][]byte{
		"echo": wasmtest.Echo(), "print": wasmtest.Print(1, "hello", 0),
		"go": wasmtest.Go(t, "package main\n\nfunc main() {}\n"),
	} {
		t.Run(name, func(t *testing.T) {
			m, err := wasm.Inspect(data)
			require.NoError(t, err)
			require.Contains(t, m.Imports, "fd_write")
			require.GreaterOrEqual(t, m.MemoryBytes, int64(wasm.PageBytes))
			_, err = wasm.Inspect(m.Binary)
			require.ErrorContains(t, err, "it asks for fetchmill.refuel", "the meter is for no one else")
		})
	}
}

func TestInspect_leaves_out_custom_sections(t *testing.T) {
	with := wasmtest.Spec{Sections: map[byte][]byte{0: append(wasmtest.Text("name"), 1, 0xff, 0xff, 0xff, 0xff, 0x0f)}}
	m, err := wasm.Inspect(with.Bytes())
	require.NoError(t, err)
	require.False(t, bytes.Contains(m.Binary, []byte("name")))
}

func TestInspect_bounds_tables(t *testing.T) {
	for name, c := range map[string]struct{ table, want []byte }{
		"without a bound":         {[]byte{1, 0x70, 0, 3}, []byte{4, 7, 1, 0x70, 1, 3, 0x80, 0x80, 0x10}},
		"with a large bound":      {[]byte{1, 0x70, 1, 3, 0xff, 0xff, 0xff, 0xff, 0x0f}, []byte{4, 7, 1, 0x70, 1, 3, 0x80, 0x80, 0x10}},
		"with a bound of its own": {[]byte{1, 0x6f, 1, 3, 5}, []byte{4, 5, 1, 0x6f, 1, 3, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := wasm.Inspect(wasmtest.Spec{Sections: map[byte][]byte{4: c.table}}.Bytes())
			require.NoError(t, err)
			require.True(t, bytes.Contains(m.Binary, c.want), "%x", m.Binary)
		})
	}
}

// refused are modules that must not get as far as the compiler, with what is said about them.
func refused() map[string]struct {
	data []byte
	says string
} {
	type module = struct {
		data []byte
		says string
	}
	spec := func(id byte, parts ...[]byte) []byte {
		return wasmtest.Spec{Sections: map[byte][]byte{id: slices.Concat(parts...)}}.Bytes()
	}
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	imports := func(list ...[]byte) []byte { return spec(2, wasmtest.Number(len(list)), slices.Concat(list...)) }
	return map[string]module{
		"nothing":              {nil, "it is empty"},
		"text":                 {[]byte("\n(module)"), "it is text: make a binary of it with wat2wasm"},
		"another program":      {[]byte("\x7fELF\x02\x01\x01\x00"), "GOOS=wasip1"},
		"a component":          {[]byte("\x00asm\x0d\x00\x01\x00"), "a component of WASI preview 2"},
		"another version":      {[]byte("\x00asm\x02\x00\x00\x00"), "version 2"},
		"a preamble cut off":   {[]byte("\x00asm\x01"), "cut off"},
		"nothing but preamble": {[]byte("\x00asm\x01\x00\x00\x00"), "it exports no _start"},
		"a section cut off":    {append(wasmtest.Echo(), 0, 200), "cut off"},
		"an unknown section":   {append(wasmtest.Echo(), 77, 0), "unknown kind 77"},
		"a repeated section":   {append(wasmtest.Echo(), wasmtest.Section(1, []byte{0})...), "repeated, or not in its place"},
		"exceptions":           {spec(13, []byte{1, 0, 0}), "exceptions"},

		"a host function":           {imports(wasmtest.Import("env", "abort", 0, 0)), "env.abort"},
		"an unknown WASI function":  {imports(wasmtest.Import("wasi_snapshot_preview1", "fd_fly", 0, 0)), "fd_fly"},
		"a WASI function's type":    {imports(wasmtest.Import("wasi_snapshot_preview1", "fd_read", 0, 0)), "other parameters"},
		"an old WASI":               {imports(wasmtest.Import("wasi_unstable", "fd_read", 0, 1)), "old WASI"},
		"a memory of the host":      {imports(wasmtest.Import("env", "memory", 2, 0, 1)), "which is no function"},
		"a table of the host":       {imports(wasmtest.Import("env", "table", 1, 0x70, 0, 1)), "which is no function"},
		"a type that is not there":  {imports(wasmtest.Import("wasi_snapshot_preview1", "fd_read", 0, 9)), "other parameters"},
		"a long name":               {imports(wasmtest.Import(string(bytes.Repeat([]byte("n"), 20_000)), "f", 0, 0)), "a name has 20000 bytes"},
		"a name that is not UTF-8":  {imports(wasmtest.Import("\xff", "f", 0, 0)), "not UTF-8"},
		"no memory for WASI":        {wasmtest.Spec{Exports: map[string][]byte{"memory": nil}}.Bytes(), "exports no memory"},
		"no start":                  {wasmtest.Spec{Exports: map[string][]byte{"_start": nil}}.Bytes(), "exports no _start"},
		"a library":                 {wasmtest.Spec{Exports: map[string][]byte{"_start": nil, "_initialize": {0, 3}}}.Bytes(), "a library and no command"},
		"a start that is a memory":  {wasmtest.Spec{Exports: map[string][]byte{"_start": {2, 0}}}.Bytes(), "no function of its own"},
		"a start that is not there": {wasmtest.Spec{Exports: map[string][]byte{"_start": {0, 99}}}.Bytes(), "refers to function 99, and there are 4"},
		"a start that is imported":  {wasmtest.Spec{Exports: map[string][]byte{"_start": {0, 0}}}.Bytes(), "no function of its own"},
		"a start with parameters":   {spec(3, []byte{1, 2}), "parameters or results"},

		"four thousand million variables": {wasmtest.Spec{Locals: wasmtest.Locals(1<<32-1, wasmtest.I32)}.Bytes(), "too many variables"},
		"variables in many functions":     {manyLocals(100, 49_000), "too many variables"},
		"counts beyond the bytes":         {spec(3, huge), "functions, and at most"},
		"counts within the bounds":        {spec(3, wasmtest.Number(100_000)), "100000 functions in 0 bytes"},
		"a number of more than 32 bits":   {spec(3, []byte{0xff, 0xff, 0xff, 0xff, 0x7f}), "more than 32 bits"},
		"types":                           {spec(1, huge), "types, and at most"},
		"parameters":                      {spec(1, []byte{1, 0x60}, wasmtest.Number(300), bytes.Repeat([]byte{wasmtest.I32}, 300), []byte{0}), "300 parameters"},
		"results":                         {spec(1, []byte{1, 0x60, 0}, wasmtest.Number(65), bytes.Repeat([]byte{wasmtest.I32}, 65)), "65 results"},
		"a type of another proposal":      {spec(1, []byte{1, 0x4e, 0}), "unknown form 0x4e"},
		"a value of another proposal":     {spec(1, []byte{1, 0x60, 1, 0x63, 0}), "unknown type 0x63"},
		"a large table":                   {spec(4, []byte{1, 0x70, 0}, wasmtest.Number(1<<27)), "more than 262144 elements"},
		"large tables":                    {spec(4, []byte{2, 0x70, 0}, wasmtest.Number(200_000), []byte{0x70, 0}, wasmtest.Number(200_000)), "more than 262144 elements"},
		"a large memory":                  {wasmtest.Spec{Pages: 20_000}.Bytes(), "1250 MiB from the start"},
		"two memories":                    {spec(5, []byte{2, 0, 1, 0, 1}), "2 memories"},
		"a shared memory":                 {spec(5, []byte{1, 3, 1, 1}), "threads"},
		"exports":                         {spec(7, huge), "exports, and at most"},
		"globals":                         {spec(6, huge), "globals, and at most"},
		"a computed constant":             {spec(6, []byte{1, wasmtest.I32, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b}), "more than one instruction"},
		"an unknown constant":             {spec(6, []byte{1, wasmtest.I32, 0, 0x6a, 0x0b}), "instruction 0x6a"},
		"elements":                        {spec(9, []byte{1, 0, 0x41, 0, 0x0b}, huge), "elements, and at most"},
		"elements of an unknown form":     {spec(9, []byte{1, 8}), "unknown form 8"},
		"elements of an unknown kind":     {spec(9, []byte{1, 1, 7, 0}), "a byte that is reserved is not 0"},
		"data":                            {spec(11, huge), "segments, and at most"},
		"data cut off":                    {spec(11, []byte{1, 1}, huge), "cut off"},
		"data of an unknown form":         {spec(11, []byte{1, 3, 0}), "unknown form 3"},
		"a large function":                {spec(10, []byte{1}, wasmtest.Number(8_000_000)), "a function has 8000000 bytes"},

		// The meter's own global, function and type come after those of the module: they must not be within reach.
		"to set its own fuel":           {body([]byte{0x42, 1, 0x24, 0}), "refers to global 0, and there are 0"},
		"to read its own fuel":          {body([]byte{0x23, 0, 0x1a}), "refers to global 0, and there are 0"},
		"to export its own fuel":        {wasmtest.Spec{Exports: map[string][]byte{"fuel": {3, 0}}}.Bytes(), "refers to global 0, and there are 0"},
		"to begin with its own fuel":    {spec(6, []byte{1, wasmtest.I64, 0, 0x23, 1, 0x0b}), "instruction 0x23"},
		"to call what is not there":     {body(wasmtest.Call(4)), "refers to function 4, and there are 4"},
		"to refer to what is not there": {body([]byte{0xd2, 4, 0x1a}), "refers to function 4, and there are 4"},
		"to call by a type of the meter": {wasmtest.Spec{
			Body: slices.Concat(wasmtest.Const(0), []byte{0x11, 3, 0, 0x1a}), Sections: map[byte][]byte{4: {1, 0x70, 0, 1}},
		}.Bytes(), "refers to type 3, and there are 3"},
		"a block of a type of the meter":  {body([]byte{0x02, 3, 0x42, 0, 0x0b, 0x1a}), "refers to type 3, and there are 3"},
		"an instruction of threads":       {body([]byte{0xfe, 3, 0}), "unknown instruction 0xfe"},
		"an instruction of tail calls":    {body([]byte{0x12, 3}), "unknown instruction 0x12"},
		"an instruction of relaxed SIMD":  {body([]byte{0xfd, 0x80, 2, 0}), "unknown instruction 0xfd 0x100"},
		"a memory that is not there":      {body([]byte{0x3f, 1, 0x1a}), "a byte that is reserved is not 0"},
		"a large alignment":               {body(slices.Concat(wasmtest.Const(0), []byte{0x28, 0x42, 0, 0, 0x1a})), "an alignment is too large"},
		"bytes after the end of the code": {body([]byte{0x0b}), "1 bytes too many follow"},
		"too many loops":                  {body(bytes.Repeat([]byte{0x03, 0x40, 0x0b}, 1_000_001)), "more than 1000000 functions and loops"},

		"bytes after a section's content": {spec(8, []byte{0, 0}), "too many follow"},
	}
}

func manyLocals(functions, each int) []byte {
	var more [][]byte
	for range functions {
		more = append(more, wasmtest.Function(wasmtest.Locals(each, wasmtest.I32), nil))
	}
	return wasmtest.Spec{More: more}.Bytes()
}

func TestInspect_refuses_before_anything_is_allocated(t *testing.T) {
	for name, c := range refused() {
		t.Run(name, func(t *testing.T) {
			_, err := wasm.Inspect(c.data)
			require.ErrorIs(t, err, wasm.ErrModule)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// FuzzInspect sees that nothing gets past Inspect that it would not let past again, and that memory stays within bounds.
func FuzzInspect(f *testing.F) {
	for _, c := range refused() {
		f.Add(c.data)
	}
	f.Add(wasmtest.Echo())
	f.Add(wasmtest.Print(2, "no", 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := wasm.Inspect(data)
		if err != nil {
			require.ErrorIs(t, err, wasm.ErrModule)
			return
		}
		require.Less(t, len(m.Binary), 100+40*len(data))
	})
}
