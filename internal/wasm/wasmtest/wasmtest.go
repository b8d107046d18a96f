// Package wasmtest makes WebAssembly modules for tests: by hand, byte by byte, so that they can be as odd as a test wants, and from Go.
package wasmtest

import (
	"encoding/binary"
	"maps"
	"slices"
)

// Functions that every module of Spec has, by their numbers: three that it imports, and its start.
const (
	FdRead   = 0 // (fd, iovs, iovs_len, nread) -> errno
	FdWrite  = 1 // (fd, iovs, iovs_len, nwritten) -> errno
	ProcExit = 2 // (code)
	Start    = 3 // ()
)

// Types of values.
const (
	I32 = 0x7f
	I64 = 0x7e
)

// Spec is a module. Its types are numbered: 0 is () -> (), 1 and 2 are those of FdRead and ProcExit.
type Spec struct {
	Pages    int               // of memory from the start; 0 means one
	Locals   []byte            // of _start: groups, as Locals makes them
	Body     []byte            // of _start, without its end
	More     [][]byte          // further functions () -> (), whole, as Function makes them
	Sections map[byte][]byte   // in addition, or instead
	Exports  map[string][]byte // in addition, or instead: kind and number; nil leaves it out
}

// Bytes is the module's binary.
func (s Spec) Bytes() []byte {
	sections := map[byte][]byte{
		1: slices.Concat(
			[]byte{3},
			[]byte{0x60, 0, 0},
			[]byte{0x60, 4, I32, I32, I32, I32, 1, I32},
			[]byte{0x60, 1, I32, 0},
		),
		2: slices.Concat([]byte{3}, wasi("fd_read", 1), wasi("fd_write", 1), wasi("proc_exit", 2)),
		3: append(Number(1+len(s.More)), make([]byte, 1+len(s.More))...),
		5: append([]byte{1, 0}, Number(max(1, s.Pages))...),
		7: s.exports(),
	}
	code := append(Number(1+len(s.More)), Function(s.Locals, s.Body)...)
	for _, f := range s.More {
		code = append(code, f...)
	}
	sections[10] = code
	for id, body := range s.Sections {
		sections[id] = body
	}
	return Binary(sections)
}

func (s Spec) exports() []byte {
	exports := map[string][]byte{"memory": {2, 0}, "_start": {0, Start}}
	for name, e := range s.Exports {
		exports[name] = e
		if e == nil {
			delete(exports, name)
		}
	}
	out := Number(len(exports))
	for _, name := range slices.Sorted(maps.Keys(exports)) {
		out = append(append(out, Text(name)...), exports[name]...)
	}
	return out
}

// Binary puts a module together from the contents of its sections, in the order that is required.
func Binary(sections map[byte][]byte) []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	for _, id := range []byte{0, 1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11} {
		if body, ok := sections[id]; ok {
			out = append(out, Section(id, body)...)
		}
	}
	return out
}

// Section is a section as it stands in a module.
func Section(id byte, body []byte) []byte {
	return append(append([]byte{id}, Number(len(body))...), body...)
}

// Import is an entry of the section of imports: kind 0 is a function, whose description is its type.
func Import(module, name string, kind byte, description ...byte) []byte {
	return slices.Concat(Text(module), Text(name), []byte{kind}, description)
}

func wasi(name string, t byte) []byte { return Import("wasi_snapshot_preview1", name, 0, t) }

// Function is a function with its variables, as it stands in the section of code; the end of the body is added.
func Function(locals, body []byte) []byte {
	if locals == nil {
		locals = []byte{0}
	}
	f := slices.Concat(locals, body, []byte{0x0b})
	return append(Number(len(f)), f...)
}

// Locals declares so many variables of a type, in one group.
func Locals(n int, t byte) []byte { return append(append([]byte{1}, Number(n)...), t) }

// Number is an unsigned number in LEB128.
func Number(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

// Text is a name with its length.
func Text(s string) []byte { return append(Number(len(s)), s...) }

// Const pushes a number.
func Const(n int32) []byte {
	out := []byte{0x41}
	for {
		b := byte(n & 0x7f)
		n >>= 7
		if n == 0 && b&0x40 == 0 || n == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

// Store stores a number at an address.
func Store(address, n int32) []byte {
	return slices.Concat(Const(address), Const(n), []byte{0x36, 2, 0})
}

// Call calls a function.
func Call(f int) []byte { return append([]byte{0x10}, Number(f)...) }

// Forever repeats something without an end.
func Forever(body ...byte) []byte {
	return slices.Concat([]byte{0x03, 0x40}, body, []byte{0x0c, 0, 0x0b})
}

// Exit ends the program with a code.
func Exit(code int32) []byte { return append(Const(code), Call(ProcExit)...) }

// Write writes n bytes at an address to a file. It uses the first 16 bytes of the memory.
func Write(fd, address, n int32) []byte {
	return slices.Concat(Store(0, address), Store(4, n), Const(fd), Const(0), Const(1), Const(8), Call(FdWrite), []byte{0x1a})
}

// Data is the content of a section of data that puts a text at an address.
func Data(address int32, text string) []byte {
	return slices.Concat([]byte{1, 0}, Const(address), []byte{0x0b}, Text(text))
}

// Print is a program that writes a text to a file and exits with a code.
func Print(fd int32, text string, code int32) []byte {
	return Spec{
		Body:     append(Write(fd, 1024, int32(len(text))), Exit(code)...),
		Pages:    1 + (1024+len(text))>>16,
		Sections: map[byte][]byte{11: Data(1024, text)},
	}.Bytes()
}

// Echo is a program that writes what it reads, at most 32 KiB at a time, until there is no more.
func Echo() []byte {
	load := slices.Concat(Const(8), []byte{0x28, 2, 0}) // the number of bytes read
	return Spec{Body: slices.Concat(
		[]byte{0x02, 0x40, 0x03, 0x40}, // block, loop
		Store(0, 1024), Store(4, 32<<10),
		Const(0), Const(0), Const(1), Const(8), Call(FdRead), []byte{0x1a},
		load, []byte{0x45, 0x0d, 1}, // nothing: out of the block
		Const(4), load, []byte{0x36, 2, 0},
		Const(1), Const(0), Const(1), Const(12), Call(FdWrite), []byte{0x1a},
		[]byte{0x0c, 0, 0x0b, 0x0b}, // again
	)}.Bytes()
}
