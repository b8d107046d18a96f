// Package picturetest makes image files for tests: ordinary ones, rare ones that Go has no encoder for, and hostile ones.
package picturetest

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
)

// The colours of the quarters of Quarters, row by row. They are in the palette image/color/palette.WebSafe.
var (
	Red    = color.RGBA{204, 51, 51, 255}
	Green  = color.RGBA{51, 204, 51, 255}
	Blue   = color.RGBA{51, 51, 204, 255}
	Yellow = color.RGBA{204, 204, 51, 255}
)

// Quarters is an image whose quarters have different colours.
func Quarters(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	colors := [2][2]color.RGBA{{Red, Green}, {Blue, Yellow}}
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, colors[2*y/h][2*x/w])
		}
	}
	return m
}

// Photo is an image with gradients and fine structure, whose file as JPEG is about as large as that of a photograph.
func Photo(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	seed := uint32(1)
	for y := range h {
		for x := range w {
			seed = seed*1664525 + 1013904223 // Numerical Recipes; noise like that of a sensor
			n := int(seed>>28) - 8
			at := func(v int) uint8 { return uint8(max(0, min(255, v+n))) }
			m.SetRGBA(x, y, color.RGBA{at(255 * x / w), at(255 * y / h), at((x ^ y) >> 3 & 127), 255})
		}
	}
	return m
}

// JPEG encodes with the quality 90.
func JPEG(m image.Image) []byte {
	return must(func(b *bytes.Buffer) error { return jpeg.Encode(b, m, &jpeg.Options{Quality: 90}) })
}

// PNG encodes.
func PNG(m image.Image) []byte {
	return must(func(b *bytes.Buffer) error { return png.Encode(b, m) })
}

// GIF encodes an animation of frames, which are paletted, on a canvas.
func GIF(canvas image.Point, frames ...*image.Paletted) []byte {
	g := gif.GIF{Image: frames, Delay: make([]int, len(frames)), Config: image.Config{Width: canvas.X, Height: canvas.Y}}
	return must(func(b *bytes.Buffer) error { return gif.EncodeAll(b, &g) })
}

func must(encode func(*bytes.Buffer) error) []byte {
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		panic(err) // it is the test's own image
	}
	return b.Bytes()
}

// Oriented is a JPEG that is stored so that it is upright once the orientation, 1 to 8, is applied, with EXIF that says so in either order
// of bytes.
func Oriented(upright image.Image, orientation int, order binary.AppendByteOrder) []byte {
	// Where the first row and the first column of what is stored are seen: CIPA DC-008, table of the tag Orientation.
	const top, right, bottom, left = 't', 'r', 'b', 'l'
	sides := [9][2]byte{1: {top, left}, {top, right}, {bottom, right}, {bottom, left}, {left, top}, {right, top}, {right, bottom}, {left, bottom}}[orientation]
	size := upright.Bounds().Size()
	w, h := size.X, size.Y
	stored := image.Rect(0, 0, w, h)
	if sides[0] == left || sides[0] == right {
		stored = image.Rect(0, 0, h, w)
	}
	m := image.NewRGBA(stored)
	for row := range stored.Dy() {
		for column := range stored.Dx() {
			var x, y int
			for i, n := range [2]int{row, column} {
				switch sides[i] {
				case top:
					y = n
				case bottom:
					y = h - 1 - n
				case left:
					x = n
				case right:
					x = w - 1 - n
				}
			}
			m.Set(column, row, upright.At(x, y))
		}
	}
	return WithEXIF(JPEG(m), orientation, order)
}

// WithEXIF puts EXIF into a JPEG, with an orientation and the name of a place.
func WithEXIF(file []byte, orientation int, order binary.AppendByteOrder) []byte {
	tiff := []byte("II*\x00")
	if order.String() == binary.BigEndian.String() {
		tiff = []byte("MM\x00*")
	}
	tiff = order.AppendUint32(tiff, 8)
	tiff = order.AppendUint16(tiff, 2)
	tiff = order.AppendUint16(order.AppendUint16(tiff, 0x010e), 2) // a description, as text
	tiff = order.AppendUint32(order.AppendUint32(tiff, 10), 38)
	tiff = order.AppendUint16(order.AppendUint16(tiff, 0x0112), 3) // the orientation, as a short number
	tiff = order.AppendUint32(tiff, 1)
	tiff = order.AppendUint16(order.AppendUint16(tiff, uint16(orientation)), 0)
	tiff = append(order.AppendUint32(tiff, 0), "SecretBay\x00"...)
	return append(segment([]byte{0xff, 0xd8}, 0xe1, append([]byte("Exif\x00\x00"), tiff...)), file[2:]...)
}

func segment(file []byte, marker byte, data []byte) []byte {
	file = binary.BigEndian.AppendUint16(append(file, 0xff, marker), uint16(len(data)+2))
	return append(file, data...)
}

// FlatJPEG is a JPEG all of whose samples are 128: with 1 component it is gray, with 3 YCbCr and with 4 CMYK as of Adobe. A
// progressive one has a single scan. Without pixels it ends where these would begin, whatever size it promises.
func FlatJPEG(w, h, components int, progressive, pixels bool) []byte {
	file := []byte{0xff, 0xd8}
	if components == 4 {
		file = segment(file, 0xee, []byte("Adobe\x00\x64\x00\x00\x00\x00\x00"))
	}
	file = segment(file, 0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...))
	frame := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16([]byte{8}, uint16(h)), uint16(w))
	frame = append(frame, byte(components))
	scan := []byte{byte(components)}
	for c := range components {
		frame = append(frame, byte(c+1), 0x11, 0)
		scan = append(scan, byte(c+1), 0)
	}
	marker, bits, last := byte(0xc0), 2, byte(63)
	if progressive {
		marker, bits, last = 0xc2, 1, 0
	}
	file = segment(file, marker, frame)
	// Tables with one code of one bit: no difference for DC, end of the block for AC.
	one := [18]byte{1: 1}
	file = segment(file, 0xc4, one[:])
	one[0] = 0x10
	file = segment(file, 0xc4, one[:])
	file = segment(file, 0xda, append(scan, 0, last, 0))
	if !pixels {
		return file
	}
	blocks := (w + 7) / 8 * ((h + 7) / 8) * components
	return append(append(file, make([]byte, (blocks*bits+7)/8)...), 0xff, 0xd9)
}

// PNGHeader is a PNG that promises a size and then ends.
func PNGHeader(w, h int) []byte {
	return chunk([]byte("\x89PNG\r\n\x1a\n"), "IHDR", ihdr(w, h, 8, 6, 0))
}

func ihdr(w, h int, depth, kind, interlace byte) []byte {
	b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	return append(b, depth, kind, 0, 0, interlace)
}

func chunk(file []byte, name string, data []byte) []byte {
	body := append([]byte(name), data...)
	file = append(binary.BigEndian.AppendUint32(file, uint32(len(data))), body...)
	return binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(body))
}

// InterlacedPNG is a gray PNG with Adam7 interlacing.
func InterlacedPNG(m *image.Gray) []byte {
	var raw bytes.Buffer
	z := zlib.NewWriter(&raw)
	size := m.Rect.Size()
	for _, pass := range [7][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}} {
		for y := pass[1]; y < size.Y; y += pass[3] {
			line := []byte{0} // no filter
			for x := pass[0]; x < size.X; x += pass[2] {
				line = append(line, m.GrayAt(x, y).Y)
			}
			if len(line) > 1 {
				_, _ = z.Write(line) // into memory
			}
		}
	}
	_ = z.Close()
	file := chunk([]byte("\x89PNG\r\n\x1a\n"), "IHDR", ihdr(size.X, size.Y, 8, 0, 1))
	return chunk(chunk(file, "IDAT", raw.Bytes()), "IEND", nil)
}

// FlatWebP is a lossless WebP of one colour, of up to 16,384 × 16,384 pixels in 44 bytes: each of its five codes has one symbol, which takes
// no bits. https://developers.google.com/speed/webp/docs/webp_lossless_bitstream_specification
func FlatWebP(w, h int, c color.NRGBA) []byte {
	var bits []byte
	n := 0
	put := func(v, count int) {
		for i := range count {
			if n%8 == 0 {
				bits = append(bits, 0)
			}
			bits[n/8] |= byte(v>>i&1) << (n % 8)
			n++
		}
	}
	put(0x2f, 8)
	put(w-1, 14)
	put(h-1, 14)
	put(1, 1+3)   // alpha is used; version 0
	put(0, 1+1+1) // no transformation, no cache, one group of codes
	for _, symbol := range []uint8{c.G, c.R, c.B, c.A, 0} {
		put(1, 2) // a simple code with one symbol
		put(1, 1) // of 8 bits
		put(int(symbol), 8)
	}
	if len(bits)%2 == 1 {
		bits = append(bits, 0)
	}
	file := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(12+len(bits)))
	file = binary.LittleEndian.AppendUint32(append(file, "WEBPVP8L"...), uint32(len(bits)))
	return append(file, bits...)
}

// Small WebP images of one pixel: lossy, lossy with transparency, and animated. They are those with which Google's documentation finds out
// what a browser supports: https://developers.google.com/speed/webp/faq
var (
	LossyWebP    = decode("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")
	AlphaWebP    = decode("UklGRkoAAABXRUJQVlA4WAoAAAAQAAAAAAAAAAAAQUxQSAwAAAARBxAR/Q9ERP8DAABWUDggGAAAABQBAJ0BKgEAAQAAAP4AAA3AAP7mtQAAAA==")
	AnimatedWebP = decode("UklGRlIAAABXRUJQVlA4WAoAAAASAAAAAAAAAAAAQU5JTQYAAAD/////AABBTk1GJgAAAAAAAAAAAAAAAAAAAGQAAABWUDhMDQAAAC8AAAAQBxAREYiI/gcA")
)

func decode(text string) []byte {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return b
}
