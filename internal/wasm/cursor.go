package wasm

import (
	"encoding/binary"
	"unicode/utf8"
)

// cursor reads a part of a module and copies it as it goes, so that what is read can be replaced. After its first fault it reads
// zeros, and err is that fault.
type cursor struct {
	rest []byte
	out  []byte // what was read, with replacements
	what string // the part, for people
	err  error
}

func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fault(c.what+": "+format, args...)
		c.rest = nil
	}
}

func (c *cursor) byte() byte {
	if len(c.rest) == 0 {
		c.fail("it is cut off")
		return 0
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	c.out = append(c.out, b)
	return b
}

// take reads n bytes, or fails.
func (c *cursor) take(n uint32) []byte {
	if uint64(n) > uint64(len(c.rest)) {
		c.fail("it is cut off")
		return nil
	}
	b := c.rest[:n:n]
	c.rest = c.rest[n:]
	c.out = append(c.out, b...)
	return b
}

// u32 reads an unsigned number of 32 bits in LEB128.
func (c *cursor) u32() uint32 {
	var n uint32
	for shift := 0; ; shift += 7 {
		b := c.byte()
		if shift == 28 && b > 0x0f {
			c.fail("a number has more than 32 bits")
			return 0
		}
		n |= uint32(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
}

// replace makes the copy end with a number instead of all that was read since the copy had this length.
func (c *cursor) replace(length int, n uint32) { c.out = appendU32(c.out[:length], n) }

// signed skips a signed number in LEB128 of at most so many bytes.
func (c *cursor) signed(most int) {
	for range most {
		if c.byte() < 0x80 {
			return
		}
	}
	c.fail("a number is too long")
}

// index reads the number of something of which there are so many.
func (c *cursor) index(there int, of string) uint32 {
	n := c.u32()
	if c.err == nil && uint64(n) >= uint64(there) {
		c.fail("it refers to %s %d, and there are %d", of, n, there)
	}
	return n
}

// zero reads a byte that has to be 0.
func (c *cursor) zero() {
	if c.byte() != 0 {
		c.fail("a byte that is reserved is not 0")
	}
}

// count reads how many of something follow. Each has at least one byte.
func (c *cursor) count(most int, of string) int {
	n := c.u32()
	switch {
	case uint64(n) > uint64(most):
		c.fail("it has %d %s, and at most %d can be run", n, of, most)
		return 0
	case uint64(n) > uint64(len(c.rest)):
		c.fail("it is cut off: %d %s in %d bytes", n, of, len(c.rest))
		return 0
	}
	return int(n)
}

func (c *cursor) name() string {
	n := c.u32()
	if n > maxName {
		c.fail("a name has %d bytes, and at most %d can be run", n, maxName)
		return ""
	}
	b := c.take(n)
	if !utf8.Valid(b) {
		c.fail("a name is not UTF-8")
		return ""
	}
	return string(b)
}

// end says that nothing may follow.
func (c *cursor) end() {
	if len(c.rest) > 0 {
		c.fail("%d bytes too many follow", len(c.rest))
	}
}

func appendU32(b []byte, n uint32) []byte { return binary.AppendUvarint(b, uint64(n)) }

func appendName(b []byte, s string) []byte { return append(appendU32(b, uint32(len(s))), s...) }
