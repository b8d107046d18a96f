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
	for n := c.count(maxTypes, "types"); n > 0 && c.err == nil; n-- {
		if form := c.byte(); c.err == nil && form != 0x60 {
			c.fail("a type has the unknown form %#x", form)
		}
		params := c.types(maxParams, "parameters of a function")
		in.types = append(in.types, signature(params, c.types(maxResults, "results of a function")))
	}
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
	for n := c.count(maxImports, "imports"); n > 0 && c.err == nil; n-- {
		f := imported{module: c.name(), name: c.name()}
		kind := c.byte()
		f.function = c.u32()
		if c.err == nil && kind != kindFunction {
			c.fail("it asks for %.60s.%.60s, which is no function: only functions of %s are there: %s", f.module, f.name, wasiModule, ABI)
		}
		in.imports = append(in.imports, f)
		in.functions = append(in.functions, f.function)
	}
}

func (in *inspection) readFunctions(c *cursor) {
	for n := c.count(maxFunctions, "functions"); n > 0 && c.err == nil; n-- {
		in.functions = append(in.functions, c.u32())
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

// readTables returns the tables with a bound for each, because growing a table is not bounded by anything else.
func readTables(c *cursor) []byte {
	n := c.count(maxTables, "tables")
	out := appendU32(nil, uint32(n))
	var all uint64
	for ; n > 0 && c.err == nil; n-- {
		reference := c.rest
		c.referenceType()
		least, most, bounded := c.limits()
		if all += uint64(least); c.err == nil && all > maxTableElements {
			c.fail("they have more than %d elements", maxTableElements)
		}
		if c.err != nil {
			return nil
		}
		if !bounded || most > maxTableElements {
			most = maxTableElements
		}
		out = append(out, reference[0], 1)
		out = appendU32(appendU32(out, least), most)
	}
	return out
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
func (c *cursor) constant() {
	switch op := c.byte(); op {
	case 0x41: // i32.const
		c.signed(5)
	case 0x42: // i64.const
		c.signed(10)
	case 0x43: // f32.const
		c.take(4)
	case 0x44: // f64.const
		c.take(8)
	case 0x23, 0xd2: // global.get, ref.func
		c.u32()
	case 0xd0: // ref.null
		c.referenceType()
	case 0xfd: // v128.const
		if c.u32() != 12 {
			c.fail("a constant is computed")
		}
		c.take(16)
	default:
		c.fail("a constant is computed by the instruction %#x", op)
	}
	if c.byte() != 0x0b && c.err == nil {
		c.fail("a constant is computed by more than one instruction")
	}
}

func readGlobals(c *cursor) {
	for n := c.count(maxGlobals, "globals"); n > 0 && c.err == nil; n-- {
		c.valueType()
		c.byte()
		c.constant()
	}
}

func (in *inspection) readExports(c *cursor) {
	for n := c.count(maxExports, "exports"); n > 0 && c.err == nil; n-- {
		name := c.name()
		kind, index := c.byte(), c.u32()
		switch name {
		case "_start":
			in.hasStart, in.start = true, int64(index)
			if kind != kindFunction {
				in.start = -1
			}
		case "_initialize":
			in.initialize = kind == kindFunction
		case "memory":
			in.memory = kind == kindMemory
		}
	}
}

// readElements reads the segments that fill tables, in their eight forms.
func readElements(c *cursor) {
	left := maxTableElements
	for n := c.count(maxElements, "segments"); n > 0 && c.err == nil; n-- {
		form := c.u32()
		if form > 7 {
			c.fail("a segment has the unknown form %d", form)
			return
		}
		active, indexed, expressions := form&1 == 0, form&2 != 0, form&4 != 0
		if active && indexed {
			c.u32() // the table
		}
		if active {
			c.constant() // where it begins
		}
		if !active || indexed {
			if kind := c.rest; expressions {
				c.referenceType()
			} else if c.byte() != 0 && c.err == nil {
				c.fail("a segment has elements of the unknown kind %#x", kind[0])
			}
		}
		elements := c.count(left, "elements")
		left -= elements
		for ; elements > 0 && c.err == nil; elements-- {
			if expressions {
				c.constant()
			} else {
				c.u32()
			}
		}
	}
}

// readCode looks at the sizes of functions and at the number of their variables, not at their instructions.
func (in *inspection) readCode(c *cursor) {
	for n := c.count(maxFunctions, "functions"); n > 0 && c.err == nil; n-- {
		size := c.u32()
		if size > maxBodyBytes {
			c.fail("a function has %d bytes, and at most %d can be run", size, maxBodyBytes)
			return
		}
		body := &cursor{rest: c.take(size), what: c.what}
		var locals uint64
		for groups := body.count(maxLocals, "groups of variables of a function"); groups > 0 && body.err == nil; groups-- {
			locals += uint64(body.u32())
			body.valueType()
		}
		if in.locals += locals; locals > maxLocals || in.locals > maxAllLocals {
			body.fail("there are too many variables: at most %d in a function and %d in all can be run", maxLocals, maxAllLocals)
		}
		if body.err != nil && c.err == nil {
			c.rest, c.err = nil, body.err
		}
	}
}

func readData(c *cursor) {
	for n := c.count(maxData, "segments"); n > 0 && c.err == nil; n-- {
		form := c.u32()
		if form > 2 {
			c.fail("a segment has the unknown form %d", form)
			return
		}
		if form == 2 {
			c.u32() // the memory
		}
		if form != 1 {
			c.constant() // where it begins
		}
		c.take(c.u32())
	}
}
