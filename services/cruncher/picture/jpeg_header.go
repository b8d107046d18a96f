package picture

import (
	"bytes"
	"encoding/binary"
)

// Markers of JPEG, ITU-T T.81 table B.1.
const (
	markerTEM  = 0x01
	markerSOF0 = 0xc0
	markerSOF2 = 0xc2 // progressive
	markerRST0 = 0xd0
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
	markerAPP1 = 0xe1
)

// readJPEG walks the segments before the pixels: for the orientation, and for how much memory decoding takes.
func (h *Header) readJPEG(data []byte) {
	named := false
	for marker, segment := range segments(data) {
		switch {
		case marker == markerAPP1 && h.Orientation == 0:
			if tiff, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); ok {
				h.Orientation = exifOrientation(tiff)
			}
		case marker >= markerSOF0 && marker <= markerSOF2:
			h.samples, named = jpegSamples(segment, marker == markerSOF2), rgbNamed(segment)
		}
	}
	if h.Color == "cmyk" || h.Color == "rgb" && (named || adobe(data)) {
		h.samples += 4 * h.Pixels() // the planes are put together
	}
}

// adobe tells whether there is a segment APP14 of Adobe anywhere, also between scans. It may say that the planes are RGB.
func adobe(data []byte) bool {
	for {
		_, rest, found := bytes.Cut(data, []byte("\xff\xee"))
		if !found {
			return false
		}
		if len(rest) >= 7 && string(rest[2:7]) == "Adobe" {
			return true
		}
		data = rest
	}
}

// rgbNamed tells whether the components of a frame are called R, G and B, which is how some files say that they are these.
func rgbNamed(frame []byte) bool {
	return len(frame) >= 15 && frame[6] == 'R' && frame[9] == 'G' && frame[12] == 'B'
}

// segments yields the markers with their segments, up to the pixels or the first thing that is not understood.
func segments(data []byte) func(yield func(marker byte, segment []byte) bool) {
	return func(yield func(byte, []byte) bool) {
		for at := 2; at+1 < len(data); {
			marker := data[at+1]
			switch {
			case data[at] != 0xff || marker == 0xff || marker == 0: // rubbish and fill bytes, which decoders skip
				at++
				continue
			case marker == markerTEM || marker >= markerRST0 && marker <= markerSOI:
				at += 2
				continue
			case marker == markerSOS || marker == markerEOI || at+4 > len(data):
				return
			}
			end := at + 2 + int(binary.BigEndian.Uint16(data[at+2:]))
			if end < at+4 || end > len(data) || !yield(marker, data[at+4:end]) {
				return
			}
			at = end
		}
	}
}

// jpegSamples is how many bytes the planes of a frame take, and its coefficients if it is progressive, for these are all kept until the
// end: 64 of 4 bytes for each block of 64 samples. The segment is that of ITU-T T.81, B.2.2.
func jpegSamples(segment []byte, progressive bool) int64 {
	if len(segment) < 6 {
		return 0
	}
	height, width := int64(binary.BigEndian.Uint16(segment[1:])), int64(binary.BigEndian.Uint16(segment[3:]))
	components := segment[6:]
	components = components[:min(len(components), 3*int(segment[5]))]
	var hMost, vMost, blocks int64 = 1, 1, 0
	for i := 1; i < len(components); i += 3 {
		hMost, vMost = max(hMost, int64(components[i]>>4)), max(vMost, int64(components[i]&15))
	}
	columns, rows := ceil(width, 8*hMost), ceil(height, 8*vMost)
	for i := 1; i < len(components); i += 3 {
		blocks += columns * int64(components[i]>>4) * rows * int64(components[i]&15)
	}
	if progressive {
		return blocks * 64 * 5
	}
	return blocks * 64
}

func ceil(a, b int64) int64 { return (a + b - 1) / b }
