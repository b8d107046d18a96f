package picture

import (
	"context"
	"encoding/binary"
	"image"
	"image/draw"
)

// shrinks are whole factors by which an image is averaged before it is scaled: so that at least twice the result is left, where the
// filter decides what it looks like, while the many pixels are only added up. 1 means not at all.
func (l *Layout) shrinks() (x, y int) {
	if !l.Filter.kernel() {
		return 1, 1
	}
	return max(1, l.Crop.Dx()/(2*l.Width)), max(1, l.Crop.Dy()/(2*l.Height))
}

// shrink averages boxes of kx × ky pixels. The image starts at (0, 0).
func shrink(ctx context.Context, m image.Image, kx, ky int) (image.Image, error) {
	size := m.Bounds().Size()
	to := image.Rect(0, 0, (size.X+kx-1)/kx, (size.Y+ky-1)/ky)
	p := &pace{ctx: ctx}
	switch m := m.(type) {
	case *image.Gray:
		out := image.NewGray(to)
		return out, shrinkPlane(p, plane{out.Pix, out.Stride, to.Dx(), to.Dy()}, plane{m.Pix, m.Stride, size.X, size.Y}, kx, ky)
	case *image.YCbCr:
		return shrinkYCbCr(p, m, to, kx, ky)
	}
	return shrinkAny(p, m, to, kx, ky)
}

// shrinkYCbCr averages each plane for itself, which keeps how the colours are sampled: a half of a k-th is a k-th of a half, rounded up
// or not.
func shrinkYCbCr(p *pace, m *image.YCbCr, to image.Rectangle, kx, ky int) (image.Image, error) {
	out := image.NewYCbCr(to, m.SubsampleRatio)
	size := m.Bounds().Size()
	cw, ch := chromaSize(m.SubsampleRatio, size)
	ow, oh := chromaSize(m.SubsampleRatio, to.Size())
	for _, planes := range [][2]plane{
		{{out.Y, out.YStride, to.Dx(), to.Dy()}, {m.Y, m.YStride, size.X, size.Y}},
		{{out.Cb, out.CStride, ow, oh}, {m.Cb, m.CStride, cw, ch}},
		{{out.Cr, out.CStride, ow, oh}, {m.Cr, m.CStride, cw, ch}},
	} {
		if err := shrinkPlane(p, planes[0], planes[1], kx, ky); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// chromaSize is the size of the planes of colours of an image that starts at (0, 0).
func chromaSize(ratio image.YCbCrSubsampleRatio, size image.Point) (w, h int) {
	across, down := 1, 1
	switch ratio {
	case image.YCbCrSubsampleRatio422:
		across = 2
	case image.YCbCrSubsampleRatio420:
		across, down = 2, 2
	case image.YCbCrSubsampleRatio440:
		down = 2
	case image.YCbCrSubsampleRatio411:
		across = 4
	case image.YCbCrSubsampleRatio410:
		across, down = 4, 2
	}
	return (size.X + across - 1) / across, (size.Y + down - 1) / down
}

// plane is the samples of one channel.
type plane struct {
	pix           []byte
	stride        int
	width, height int
}

// shrinkPlane averages boxes of kx × ky samples; those at the right and the lower edge may be smaller.
func shrinkPlane(p *pace, out, in plane, kx, ky int) error {
	columns := newColumns(in.width)
	for y := range out.height {
		rows := min(ky, in.height-y*ky)
		for r := range rows {
			columns.add(in.pix[(y*ky+r)*in.stride:][:in.width])
			if err := p.did(in.width); err != nil {
				return err
			}
		}
		rest := columns.take()
		to := out.pix[y*out.stride:][:out.width]
		for x := range to {
			end := min(kx, len(rest))
			sum, n := uint64(0), uint64(rows*end)
			for _, v := range rest[:end] {
				sum += v
			}
			to[x] = uint8((sum + n/2) / n)
			rest = rest[end:]
		}
	}
	return nil
}

// columns adds up rows of bytes, eight at a time: each word of eight is split into two with four lanes of 16 bits.
type columns struct {
	lanes []uint64 // for every word of a row first its even bytes and then its odd ones
	rows  int      // that are in the lanes; 257 of 255 each is the most that these can hold
	sums  []uint64
	spare []uint64 // the sums that were taken last
}

func newColumns(width int) *columns {
	return &columns{lanes: make([]uint64, width/8*2), sums: make([]uint64, width), spare: make([]uint64, width)}
}

const evenBytes = 0x00ff00ff00ff00ff

func (c *columns) add(row []byte) {
	if c.rows == 257 {
		c.flush()
	}
	c.rows++
	words := len(c.lanes) / 2
	lanes, in := c.lanes, row
	for len(lanes) >= 2 && len(in) >= 8 {
		word := binary.LittleEndian.Uint64(in)
		lanes[0] += word & evenBytes
		lanes[1] += word >> 8 & evenBytes
		lanes, in = lanes[2:], in[8:]
	}
	for x := words * 8; x < len(row); x++ {
		c.sums[x] += uint64(row[x])
	}
}

// flush moves what is in the lanes to the sums.
func (c *columns) flush() {
	for i, lane := range c.lanes {
		sums := c.sums[i/2*8:][:8]
		for at := i % 2; at < 8; at += 2 {
			sums[at] += lane & 0xffff
			lane >>= 16
		}
	}
	clear(c.lanes)
	c.rows = 0
}

// take returns the sums, which hold until the next call, and begins anew.
func (c *columns) take() []uint64 {
	c.flush()
	taken := c.sums
	c.spare, c.sums = c.sums, c.spare
	clear(c.sums)
	return taken
}

// shrinkAny averages colours multiplied by their opacity, so that what is transparent has no colour.
func shrinkAny(p *pace, m image.Image, to image.Rectangle, kx, ky int) (image.Image, error) {
	out := image.NewRGBA(to)
	size := m.Bounds().Size()
	strip := image.NewRGBA(image.Rect(0, 0, size.X, min(size.Y, max(1, (1<<14)/size.X))))
	sums := make([]uint64, 4*to.Dx())
	inBox := 0 // rows that have been added up
	for y := range size.Y {
		at := y % strip.Rect.Dy()
		if at == 0 {
			draw.Draw(strip, strip.Rect, m, image.Pt(0, y), draw.Src)
		}
		addRow(sums, strip.Pix[at*strip.Stride:][:4*size.X], kx)
		if inBox++; inBox == ky || y == size.Y-1 {
			row := out.Pix[(y/ky)*out.Stride:][:4*to.Dx()]
			for i, sum := range sums {
				n := uint64(inBox * min(kx, size.X-i/4*kx))
				row[i] = uint8((sum + n/2) / n)
			}
			clear(sums)
			inBox = 0
		}
		if err := p.did(size.X); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// addRow adds the pixels of a row to the sums of the boxes that they are in.
func addRow(sums []uint64, row []byte, kx int) {
	for x := 0; x < len(sums); x += 4 {
		end := min(4*kx, len(row))
		var r, g, b, a uint64
		for i := 0; i+3 < end; i += 4 {
			r += uint64(row[i])
			g += uint64(row[i+1])
			b += uint64(row[i+2])
			a += uint64(row[i+3])
		}
		sums[x] += r
		sums[x+1] += g
		sums[x+2] += b
		sums[x+3] += a
		row = row[end:]
	}
}
