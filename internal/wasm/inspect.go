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
	// Binary is the module as it is run: without custom sections such as names and debugging information, and with bounds for tables.
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

// Inspect reads the structure of a module and refuses what cannot be run or would cost too much: wrong imports, no _start, no memory,
// counts beyond what is allowed. It looks at everything but the instructions, which the compiler validates. Its cost is linear in the
// size of the module, and it allocates no more than some times that. Errors wrap ErrModule.
func Inspect(data []byte) (*Module, error) {
	if err := preamble(data); err != nil {
		return nil, err
	}
	in := inspection{module: Module{Binary: bytes.Clone(data[:8])}}
	c := &cursor{rest: data[8:], what: "module"}
	for len(c.rest) > 0 {
		id := c.byte()
		body := c.take(c.u32())
		if c.err != nil {
			return nil, c.err
		}
		if id == sectionCustom {
			continue
		}
		body, err := in.section(id, body)
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

// inspection is what has been seen of a module.
type inspection struct {
	module Module
	last   byte // section
	types  []string
	// functions are the types of the functions, first of those that are imported.
	functions  []uint32
	imports    []imported
	start      int64 // function that is exported as _start, -1 for another kind of thing
	initialize bool  // _initialize is exported
	memory     bool  // a memory is exported as memory
	hasStart   bool
	locals     uint64
}

// imported is an imported function.
type imported struct {
	module, name string
	function     uint32 // its type
}

// section inspects one section and returns it as it is to be run.
func (in *inspection) section(id byte, body []byte) ([]byte, error) {
	if id > sectionTag {
		return nil, fault("it has a section of the unknown kind %d", id)
	}
	if id == sectionTag {
		return nil, fault("it uses exceptions, which are not supported: build it without them")
	}
	c := &cursor{rest: body, what: [...]string{
		"custom section", "types", "imports", "functions", "tables", "memory", "globals", "exports", "start", "elements", "code", "data", "data count",
	}[id]}
	// The order of kinds is that of their numbers, but for the data count, which comes before the code.
	if order(id) <= order(in.last) {
		c.fail("the section is repeated, or not in its place")
		return nil, c.err
	}
	in.last = id
	switch id {
	case sectionType:
		in.readTypes(c)
	case sectionImport:
		in.readImports(c)
	case sectionFunction:
		in.readFunctions(c)
	case sectionTable:
		body = readTables(c)
	case sectionMemory:
		in.readMemory(c)
	case sectionGlobal:
		readGlobals(c)
	case sectionExport:
		in.readExports(c)
	case sectionStart, sectionDataCount:
		c.u32()
	case sectionElement:
		readElements(c)
	case sectionCode:
		in.readCode(c)
	case sectionData:
		readData(c)
	}
	c.end()
	return body, c.err
}

func order(id byte) int {
	if id == sectionDataCount {
		return 2*int(sectionElement) + 1
	}
	return 2 * int(id)
}

// abi checks what the program offers and asks for.
func (in *inspection) abi() error {
	known := wasiFunctions()
	for _, f := range in.imports {
		switch want, ok := known[f.name]; {
		case f.module == "wasi_unstable":
			return fault("it asks for %s.%s of an old WASI: %s", f.module, f.name, ABI)
		case f.module != wasiModule || !ok:
			return fault("it asks for %.60s.%.60s, which is not there, only functions of %s are: %s", f.module, f.name, wasiModule, ABI)
		case uint64(f.function) >= uint64(len(in.types)) || in.types[f.function] != want:
			return fault("it asks for %s.%s with other parameters or results than that function has", f.module, f.name)
		}
		in.module.Imports = append(in.module.Imports, f.name)
	}
	switch {
	case !in.hasStart && in.initialize:
		return fault("it exports _initialize and not _start, so it is a library and no command: %s", ABI)
	case !in.hasStart:
		return fault("it exports no _start: %s", ABI)
	case in.start < 0 || in.start >= int64(len(in.functions)):
		return fault("what it exports as _start is no function of its own")
	}
	if t := in.functions[in.start]; uint64(t) >= uint64(len(in.types)) || in.types[t] != signature(nil, nil) {
		return fault("its function _start has parameters or results: %s", ABI)
	}
	if len(in.imports) > 0 && !in.memory {
		return fault("it exports no memory, which WASI needs: %s", ABI)
	}
	return nil
}

// IsModule tells whether an error is about the module itself, so that trying again does not help.
func IsModule(err error) bool { return errors.Is(err, ErrModule) || errors.Is(err, ErrTooCostly) }
