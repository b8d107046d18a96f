package wasm

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Kinds of sections and of what is imported and exported, by the specification
// (https://webassembly.github.io/spec/core/binary/modules.html).
const (
	sectionCustom byte = iota
	sectionType
	sectionImport
	sectionFunction
	sectionTable
	sectionMemory
	sectionGlobal
	sectionExport
	sectionStart
	sectionElement
	sectionCode
	sectionData
	sectionDataCount
	sectionTag
)

const (
	kindFunction byte = iota
	kindTable
	kindMemory
	kindGlobal
)

// Module is a module that has been inspected.
type Module struct {
	// Binary is the module as it is run: without custom sections such as names and debugging information, with bounds for tables, and
	// metered.
	Binary []byte
	// MemoryBytes is how much memory an instance has from the start.
	MemoryBytes int64
	// Imports are the functions of WASI that it asks for, in its order.
	Imports []string
}

// ABI says in a few words what Inspect wants, for messages.
const ABI = "build it as a WASI preview 1 command, such as with GOOS=wasip1 GOARCH=wasm go build, or cargo build --target wasm32-wasip1"

var (
	magic     = []byte("\x00asm")
	version   = []byte{1, 0, 0, 0}
	component = []byte{0x0d, 0, 1, 0}
)

// Inspect reads a module, refuses what cannot be run or would cost too much (wrong imports, no _start, no memory, counts beyond what is
// allowed), and makes it stoppable: see meter. Types are not checked; the compiler does that. Its cost is linear in the size of the module,
// and it allocates no more than some times that. Errors wrap ErrModule.
func Inspect(data []byte) (*Module, error) {
	if err := preamble(data); err != nil {
		return nil, err
	}
	sections, err := split(data[len(magic)+len(version):])
	if err != nil {
		return nil, err
	}
	in := inspection{}
	// These are there in any case, because the meter adds to them.
	for _, id := range []byte{sectionType, sectionImport, sectionGlobal} {
		if sections[id] == nil {
			sections[id] = []byte{0}
		}
	}
	in.module.Binary = bytes.Clone(data[:len(magic)+len(version)])
	for _, id := range sectionOrder {
		if sections[id] == nil {
			continue
		}
		body, err := in.section(id, sections[id])
		if err != nil {
			return nil, err
		}
		in.module.Binary = append(in.module.Binary, id)
		in.module.Binary = appendU32(in.module.Binary, uint32(len(body)))
		in.module.Binary = append(in.module.Binary, body...)
	}
	if err := in.abi(); err != nil {
		return nil, err
	}
	return &in.module, nil
}

// preamble names the mistakes that people make.
func preamble(data []byte) error {
	switch {
	case len(data) == 0:
		return fault("it is empty: %s", ABI)
	case bytes.HasPrefix(bytes.TrimSpace(data[:min(len(data), 1024)]), []byte("(")):
		return fault("it is text: make a binary of it with wat2wasm")
	case !bytes.HasPrefix(data, magic):
		return fault("it begins with %.8q and not with %q: %s", data, magic, ABI)
	case len(data) < 8:
		return fault("it is cut off")
	case bytes.Equal(data[4:8], component):
		return fault("it is a component of WASI preview 2: %s", ABI)
	case !bytes.Equal(data[4:8], version):
		return fault("it has version %d of the binary format, and only 1 can be run", binary.LittleEndian.Uint32(data[4:8]))
	}
	return nil
}

// sectionOrder is the order of sections; the data count comes before the code.
var sectionOrder = []byte{
	sectionType, sectionImport, sectionFunction, sectionTable, sectionMemory, sectionGlobal, sectionExport, sectionStart, sectionElement,
	sectionDataCount, sectionCode, sectionData,
}

// split returns the contents of the sections, without custom ones.
func split(data []byte) (map[byte][]byte, error) {
	sections := map[byte][]byte{}
	c := &cursor{rest: data, what: "module"}
	last := -1
	for len(c.rest) > 0 {
		id := c.byte()
		body := c.take(c.u32())
		c.out = c.out[:0]
		if c.err != nil {
			return nil, c.err
		}
		place := bytes.IndexByte(sectionOrder, id)
		switch {
		case id == sectionCustom:
			continue
		case id == sectionTag:
			return nil, fault("it uses exceptions, which are not supported: build it without them")
		case place < 0:
			return nil, fault("it has a section of the unknown kind %d", id)
		case place <= last:
			return nil, fault("a section of kind %d is repeated, or not in its place", id)
		}
		last = place
		sections[id] = body
	}
	return sections, nil
}

// inspection is what has been seen of a module.
type inspection struct {
	module Module
	types  []functionType
	// functions are the types of the functions, first of those that are imported.
	functions  []uint32
	imports    []imported
	globals    int
	tables     int
	start      int64 // function that is exported as _start, -1 for another kind of thing
	initialize bool  // _initialize is exported
	memory     bool  // a memory is exported as memory
	hasStart   bool
	locals     uint64
	points     int // where the meter looks
}

type functionType struct {
	params    int
	signature string
}

// imported is an imported function.
type imported struct {
	module, name string
	function     uint32 // its type
}

// section inspects one section and returns it as it is to be run.
func (in *inspection) section(id byte, body []byte) ([]byte, error) {
	c := &cursor{rest: body, out: make([]byte, 0, len(body)+len(body)/4), what: [...]string{
		"custom section", "types", "imports", "functions", "tables", "memory", "globals", "exports", "start", "elements", "code", "data", "data count",
	}[id]}
	switch id {
	case sectionType:
		in.readTypes(c)
	case sectionImport:
		in.readImports(c)
	case sectionFunction:
		in.readFunctions(c)
	case sectionTable:
		in.readTables(c)
	case sectionMemory:
		in.readMemory(c)
	case sectionGlobal:
		in.readGlobals(c)
	case sectionExport:
		in.readExports(c)
	case sectionStart:
		in.function(c)
	case sectionDataCount:
		c.u32()
	case sectionElement:
		in.readElements(c)
	case sectionCode:
		in.readCode(c)
	case sectionData:
		in.readData(c)
	}
	c.end()
	return c.out, c.err
}

// function reads the number of a function and replaces it by what it is beside the meter's own.
func (in *inspection) function(c *cursor) uint32 {
	length := len(c.out)
	n := c.index(len(in.functions), "function")
	if c.err == nil && int(n) >= len(in.imports) {
		c.replace(length, n+1)
	}
	return n
}

// wanted checks an import.
func (in *inspection) wanted(f imported) error {
	switch want, ok := wasiFunctions()[f.name]; {
	case f.module == "wasi_unstable":
		return fault("it asks for %s.%.60s of an old WASI: %s", f.module, f.name, ABI)
	case f.module != wasiModule || !ok:
		return fault("it asks for %.60s.%.60s, which is not there, only functions of %s are: %s", f.module, f.name, wasiModule, ABI)
	case uint64(f.function) >= uint64(len(in.types)) || in.types[f.function].signature != want:
		return fault("it asks for %s.%s with other parameters or results than that function has", f.module, f.name)
	}
	return nil
}

// abi checks what the program offers.
func (in *inspection) abi() error {
	switch {
	case !in.hasStart && in.initialize:
		return fault("it exports _initialize and not _start, so it is a library and no command: %s", ABI)
	case !in.hasStart:
		return fault("it exports no _start: %s", ABI)
	case in.start < int64(len(in.imports)):
		return fault("what it exports as _start is no function of its own")
	}
	if t := in.functions[in.start]; in.types[t].signature != signature(nil, nil) {
		return fault("its function _start has parameters or results: %s", ABI)
	}
	if len(in.imports) > 0 && !in.memory {
		return fault("it exports no memory, which WASI needs: %s", ABI)
	}
	return nil
}

// IsModule tells whether an error is about the module itself, so that trying again does not help.
func IsModule(err error) bool { return errors.Is(err, ErrModule) || errors.Is(err, ErrTooCostly) }
