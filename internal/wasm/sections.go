package wasm

import "slices"

// valueTypes are i32, i64, f32, f64, v128, funcref and externref.
var valueTypes = []byte{0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f}

func (c *cursor) valueType() byte {
	t := c.byte()
	if c.err == nil && !slices.Contains(valueTypes, t) {
		c.fail("a value has the unknown type %#x", t)
	}
	return t
}

// referenceType is funcref or externref.
func (c *cursor) referenceType() {
	if t := c.byte(); c.err == nil && t != 0x70 && t != 0x6f {
		c.fail("a reference has the unknown type %#x", t)
	}
}

// signature is a function's type as a key.
func signature(params, results []byte) string { return string(params) + ">" + string(results) }

func (in *inspection) readTypes(c *cursor) {
	n := c.count(maxTypes, "types")
	c.replace(0, uint32(n)+1)
	for ; n > 0 && c.err == nil; n-- {
		if form := c.byte(); c.err == nil && form != 0x60 {
			c.fail("a type has the unknown form %#x", form)
		}
		params := c.types(maxParams, "parameters of a function")
		in.types = append(in.types, functionType{len(params), signature(params, c.types(maxResults, "results of a function"))})
	}
	c.out = append(c.out, refuelType...)
}

func (c *cursor) types(most int, of string) []byte {
	n := c.count(most, of)
	list := make([]byte, n)
	for i := range list {
		list[i] = c.valueType()
	}
	return list
}

func (in *inspection) readImports(c *cursor) {
	n := c.count(maxImports, "imports")
	c.replace(0, uint32(n)+1)
	for ; n > 0 && c.err == nil; n-- {
		f := imported{module: c.name(), name: c.name()}
		kind := c.byte()
		if c.err == nil && kind != kindFunction {
			c.fail("it asks for %.60s.%.60s, which is no function: only functions of %s are there: %s", f.module, f.name, wasiModule, ABI)
		}
		f.function = c.u32()
		if err := in.wanted(f); err != nil && c.err == nil {
			c.rest, c.err = nil, err
		}
		in.imports = append(in.imports, f)
		in.module.Imports = append(in.module.Imports, f.name)
		in.functions = append(in.functions, f.function)
	}
	c.out = append(appendName(appendName(c.out, meterModule), refuelName), kindFunction)
	c.out = appendU32(c.out, uint32(len(in.types)))
}

func (in *inspection) readFunctions(c *cursor) {
	for n := c.count(maxFunctions, "functions"); n > 0 && c.err == nil; n-- {
		in.functions = append(in.functions, c.index(len(in.types), "type"))
	}
}

// limits are how many pages or elements there are at first and at most.
func (c *cursor) limits() (least, most uint32, bounded bool) {
	switch flags := c.byte(); flags {
	case 0:
		return c.u32(), 0, false
	case 1:
		least = c.u32()
		return least, c.u32(), true
	case 2, 3:
		c.fail("it is shared between threads, which are not supported: build it without threads")
	default:
		c.fail("it has the unknown flags %#x", flags)
	}
	return 0, 0, false
}

// readTables gives each table a bound, because growing a table is not bounded by anything else.
func (in *inspection) readTables(c *cursor) {
	in.tables = c.count(maxTables, "tables")
	var all uint64
	for range in.tables {
		c.referenceType()
		length := len(c.out)
		least, most, bounded := c.limits()
		if all += uint64(least); c.err == nil && all > maxTableElements {
			c.fail("they have more than %d elements", maxTableElements)
		}
		if c.err != nil {
			return
		}
		if !bounded || most > maxTableElements {
			most = maxTableElements
		}
		c.out = append(c.out[:length], 1)
		c.out = appendU32(appendU32(c.out, least), most)
	}
}

func (in *inspection) readMemory(c *cursor) {
	if c.count(1, "memories") == 0 {
		return
	}
	pages, _, _ := c.limits()
	in.module.MemoryBytes = int64(pages) * PageBytes
	if in.module.MemoryBytes > MaxMemoryBytes {
		c.fail("it asks for %d MiB from the start, and at most %d can be had", in.module.MemoryBytes>>20, MaxMemoryBytes>>20)
	}
}

// constant is an expression that yields one value without computing it.
func (in *inspection) constant(c *cursor) {
	switch op := c.byte(); op {
	case opI32Const:
		c.signed(5)
	case opI64Const:
		c.signed(10)
	case opF32Const:
		c.take(4)
	case opF64Const:
		c.take(8)
	case opRefFunc:
		in.function(c)
	case opRefNull:
		c.referenceType()
	case opVector:
		if c.u32() != vectorConst {
			c.fail("a constant is computed")
		}
		c.take(16)
	default: // a global could only be one that is imported, and there are none
		c.fail("a constant is computed by the instruction %#x", op)
	}
	if c.byte() != opEnd && c.err == nil {
		c.fail("a constant is computed by more than one instruction")
	}
}

func (in *inspection) readGlobals(c *cursor) {
	n := c.count(maxGlobals, "globals")
	c.replace(0, uint32(n)+1)
	in.globals = n
	for ; n > 0 && c.err == nil; n-- {
		c.valueType()
		c.byte()
		in.constant(c)
	}
	c.out = append(c.out, fuelGlobal...)
}

func (in *inspection) readExports(c *cursor) {
	for n := c.count(maxExports, "exports"); n > 0 && c.err == nil; n-- {
		name := c.name()
		switch kind := c.byte(); kind {
		case kindFunction:
			index := in.function(c)
			if name == "_start" {
				in.hasStart, in.start = true, int64(index)
			}
			in.initialize = in.initialize || name == "_initialize"
		case kindGlobal:
			c.index(in.globals, "global")
		case kindMemory:
			c.index(1, "memory")
			in.memory = in.memory || name == "memory"
		case kindTable:
			c.index(in.tables, "table")
		default:
			c.fail("it exports something of the unknown kind %d", kind)
		}
		if name == "_start" && !in.hasStart {
			in.hasStart, in.start = true, -1
		}
	}
}

// readElements reads the segments that fill tables, in their eight forms.
func (in *inspection) readElements(c *cursor) {
	left := maxTableElements
	for n := c.count(maxElements, "segments"); n > 0 && c.err == nil; n-- {
		form := c.u32()
		if form > 7 {
			c.fail("a segment has the unknown form %d", form)
			return
		}
		active, indexed, expressions := form&1 == 0, form&2 != 0, form&4 != 0
		if active && indexed {
			c.index(in.tables, "table")
		}
		if active {
			in.constant(c) // where it begins
		}
		if !active || indexed {
			if expressions {
				c.referenceType()
			} else {
				c.zero() // the kind of elements: functions
			}
		}
		elements := c.count(left, "elements")
		left -= elements
		for ; elements > 0 && c.err == nil; elements-- {
			if expressions {
				in.constant(c)
			} else {
				in.function(c)
			}
		}
	}
}

func (in *inspection) readData(c *cursor) {
	for n := c.count(maxData, "segments"); n > 0 && c.err == nil; n-- {
		form := c.u32()
		if form > 2 {
			c.fail("a segment has the unknown form %d", form)
			return
		}
		if form == 2 {
			c.zero() // the memory
		}
		if form != 1 {
			in.constant(c) // where it begins
		}
		c.take(c.u32())
	}
}
