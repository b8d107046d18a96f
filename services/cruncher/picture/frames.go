package picture

import "encoding/binary"

// gifFrames counts the frames of a GIF without decoding them. One that is cut off has those that have begun.
// https://www.w3.org/Graphics/GIF/spec-gif89a.txt
func gifFrames(data []byte) int {
	const (
		header     = 13 // with the screen descriptor
		image      = 0x2c
		extension  = 0x21
		descriptor = 10 // with the separator
	)
	if len(data) < header {
		return 0
	}
	frames := 0
	for at := header + colorTable(data[10]); at < len(data); {
		switch data[at] {
		case extension:
			at += 2
		case image:
			frames++
			if at+descriptor > len(data) {
				return frames
			}
			at += descriptor + colorTable(data[at+9]) + 1 // the size of a code
		default: // the trailer, or rubbish
			return frames
		}
		for at < len(data) && data[at] != 0 { // blocks of data, until an empty one
			at += 1 + int(data[at])
		}
		at++
	}
	return frames
}

// colorTable is how many bytes the table of colours takes that follows a field of flags.
func colorTable(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// readWebP walks the chunks. https://developers.google.com/speed/webp/docs/riff_container
func (h *Header) readWebP(data []byte) {
	const animation = 1 << 1
	lossless, frames := false, 0
	for at := 12; at+8 <= len(data); {
		name, size := string(data[at:at+4]), int64(binary.LittleEndian.Uint32(data[at+4:]))
		at += 8
		switch name {
		case "VP8X":
			h.Animated = at < len(data) && data[at]&animation != 0
		case "VP8L", "ALPH":
			lossless = true
		case "ANMF":
			frames++
		}
		if size >= int64(len(data)-at) {
			break
		}
		at += int(size + size&1)
	}
	if h.Animated {
		h.Frames = frames
	}
	h.samples = 2 * h.Pixels()
	if lossless {
		// Pixels before and after a transformation, and the tables of codes: at most 65,536, one for each 16 pixels.
		h.samples = 8*h.Pixels() + min(170*h.Pixels(), 180<<20)
	}
}
