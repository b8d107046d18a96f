package wasm

// Instructions that are of interest here, by the specification (https://webassembly.github.io/spec/core/binary/instructions.html).
const (
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opSelectTyped  = 0x1c
	opLocalGet     = 0x20
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableGet     = 0x25
	opTableSet     = 0x26
	opLoadFirst    = 0x28
	opStoreLast    = 0x3e
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI64Sub       = 0x7d
	opNumericLast  = 0xc4
	opRefNull      = 0xd0
	opRefIsNull    = 0xd1
	opRefFunc      = 0xd2
	opMisc         = 0xfc
	opVector       = 0xfd

	vectorConst   = 12
	vectorShuffle = 13
	vectorLast    = 0xff // those of relaxed SIMD follow
)

// readCode meters the functions.
func (in *inspection) readCode(c *cursor) {
	for n := c.count(maxFunctions, "functions"); n > 0 && c.err == nil; n-- {
		length := len(c.out)
		size := c.u32()
		if size > maxBodyBytes {
			c.fail("a function has %d bytes, and at most %d can be run", size, maxBodyBytes)
			return
		}
		rest := c.take(size)
		body := &cursor{rest: rest, out: make([]byte, 0, len(rest)+len(rest)/4+64), what: c.what, err: c.err}
		in.readBody(body)
		if body.err != nil {
			c.rest, c.err = nil, body.err
			return
		}
		c.replace(length, uint32(len(body.out)))
		c.out = append(c.out, body.out...)
	}
}

// readBody reads one function: its variables and its instructions.
func (in *inspection) readBody(c *cursor) {
	var locals uint64
	for groups := c.count(maxLocals, "groups of variables of a function"); groups > 0 && c.err == nil; groups-- {
		locals += uint64(c.u32())
		c.valueType()
	}
	if in.locals += locals; locals > maxLocals || in.locals > maxAllLocals {
		c.fail("there are too many variables: at most %d in a function and %d in all can be run", maxLocals, maxAllLocals)
	}
	// Blocks that are open, with the length that was left to read at their beginning and the place of the weight of those that are metered.
	type block struct{ left, weight int }
	open := []block{{len(c.rest), in.point(c)}}
	for c.err == nil && len(open) > 0 {
		switch op := c.byte(); op {
		case opBlock, opIf:
			in.blockType(c)
			open = append(open, block{weight: -1})
		case opLoop:
			in.blockType(c)
			open = append(open, block{len(c.rest), in.point(c)})
		case opEnd:
			b := open[len(open)-1]
			open = open[:len(open)-1]
			if b.weight >= 0 {
				c.setWeight(b.weight, b.left-len(c.rest))
			}
		default:
			in.instruction(c, op)
		}
	}
	c.end()
}

// blockType is nothing, one value, or the number of a type.
func (in *inspection) blockType(c *cursor) {
	const nothing = 0x40
	switch {
	case len(c.rest) > 0 && c.rest[0] == nothing:
		c.byte()
	case len(c.rest) > 0 && (c.rest[0] < nothing || c.rest[0] >= 0x80):
		c.index(len(in.types), "type") // a signed number; a negative one is beyond the types when it is read so
	default:
		c.valueType()
	}
}

// instruction reads what belongs to an instruction that is no block.
func (in *inspection) instruction(c *cursor, op byte) {
	switch {
	case op <= 0x01, op == opElse, op == opReturn, op == opDrop, op == opSelect, op == opRefIsNull, op > opF64Const && op <= opNumericLast:
	case op == opBr, op == opBrIf, op >= opLocalGet && op <= opLocalTee:
		c.u32()
	case op == opBrTable:
		for n := c.count(maxBodyBytes, "labels"); n >= 0 && c.err == nil; n-- {
			c.u32()
		}
	case op == opCall, op == opRefFunc:
		in.function(c)
	case op == opCallIndirect:
		c.index(len(in.types), "type")
		c.index(in.tables, "table")
	case op == opSelectTyped:
		c.types(1, "types of a selection")
	case op == opGlobalGet, op == opGlobalSet: // not the fuel
		c.index(in.globals, "global")
	case op == opTableGet, op == opTableSet:
		c.index(in.tables, "table")
	case op >= opLoadFirst && op <= opStoreLast:
		c.address()
	case op == opMemorySize:
		c.zero()
	case op == opMemoryGrow:
		in.bulk(c, 1, func() { c.zero() })
	case op == opI32Const:
		c.signed(5)
	case op == opI64Const:
		c.signed(10)
	case op == opF32Const:
		c.take(4)
	case op == opF64Const:
		c.take(8)
	case op == opRefNull:
		c.referenceType()
	case op == opMisc:
		in.miscellaneous(c)
	case op == opVector:
		in.vector(c)
	default:
		c.fail("it has the unknown instruction %#x", op)
	}
}

// address is alignment and offset.
func (c *cursor) address() {
	if align := c.u32(); align > 4 {
		c.fail("an alignment is too large")
	}
	c.u32()
}

// bulk puts a point of the meter before an instruction whose first bytes have been copied already.
func (in *inspection) bulk(c *cursor, copied int, rest func()) {
	instruction := append([]byte{}, c.out[len(c.out)-copied:]...)
	c.out = c.out[:len(c.out)-copied]
	c.setWeight(in.point(c), bulkWeight)
	c.out = append(c.out, instruction...)
	rest()
}

// miscellaneous are conversions and the instructions on whole ranges of memories and tables.
func (in *inspection) miscellaneous(c *cursor) {
	start := len(c.out) - 1
	switch op := c.u32(); {
	case c.err != nil:
	case op <= 7: // conversions
	case op == 9, op == 13: // data.drop, elem.drop
		c.u32()
	case op == 16: // table.size
		c.index(in.tables, "table")
	case op <= 17:
		in.bulk(c, len(c.out)-start, func() {
			switch op {
			case 8: // memory.init
				c.u32()
				c.zero()
			case 10: // memory.copy
				c.zero()
				c.zero()
			case 11: // memory.fill
				c.zero()
			case 12: // table.init
				c.u32()
				c.index(in.tables, "table")
			case 14: // table.copy
				c.index(in.tables, "table")
				c.index(in.tables, "table")
			case 15, 17: // table.grow, table.fill
				c.index(in.tables, "table")
			}
		})
	default:
		c.fail("it has the unknown instruction 0xfc %#x", op)
	}
}

// vector are the instructions on vectors of 128 bits.
func (in *inspection) vector(c *cursor) {
	switch op := c.u32(); {
	case op <= 11, op == 92, op == 93: // loads and stores
		c.address()
	case op == vectorConst, op == vectorShuffle:
		c.take(16)
	case op >= 21 && op <= 34: // of one lane
		c.byte()
	case op >= 84 && op <= 91: // loads and stores of one lane
		c.address()
		c.byte()
	case op <= vectorLast:
	default:
		c.fail("it has the unknown instruction 0xfd %#x", op)
	}
}
