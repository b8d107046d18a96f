package picture

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
)

// Coding says how an image is written.
type Coding struct {
	Format  Format        // not WebP
	Quality int           // of JPEG, from 1 to 100
	Gray    bool          // the image has no colours
	Palette color.Palette // the colours of a GIF, nil for a common set
}

// CodingFor is the coding that fits an image that was decoded. An empty format is that of the image; for WebP, which cannot be written,
// it is JPEG, or PNG if something is transparent.
func (h *Header) CodingFor(m image.Image, format Format, quality int) Coding {
	c := Coding{Format: format, Quality: quality, Gray: h.Color == "gray"}
	if c.Format == "" {
		c.Format = h.Format
	}
	if c.Format == WebP {
		c.Format = JPEG
		if o, ok := m.(interface{ Opaque() bool }); ok && !o.Opaque() {
			c.Format = PNG
		}
	}
	if p, ok := m.(*image.Paletted); ok && h.Format == GIF {
		c.Palette = p.Palette
	}
	return c
}

// Encode writes an image, with nothing but its pixels. What is transparent is white in a JPEG. It may change the image, and stops with the first
// bytes that are written after the context has ended.
func Encode(ctx context.Context, m *image.RGBA, c Coding) ([]byte, error) {
	var to image.Image = m
	opaque := m.Opaque()
	if c.Format == JPEG && !opaque {
		onWhite(m)
	}
	if c.Gray && (opaque || c.Format == JPEG) && c.Format != GIF {
		to = grayOf(m)
	}
	return encoding(ctx, func(w io.Writer) error {
		switch c.Format {
		case JPEG:
			return jpeg.Encode(w, to, &jpeg.Options{Quality: c.Quality})
		case PNG:
			return png.Encode(w, to)
		case GIF:
			p, err := paletted(ctx, m, gifPalette(c.Palette, opaque))
			if err != nil {
				return err
			}
			return gif.Encode(w, p, nil)
		}
		return fmt.Errorf("images of the format %s cannot be written", c.Format)
	})
}

// onWhite puts an image on white paper.
func onWhite(m *image.RGBA) {
	for i := 0; i+3 < len(m.Pix); i += 4 {
		paper := 255 - m.Pix[i+3]
		m.Pix[i] += paper
		m.Pix[i+1] += paper
		m.Pix[i+2] += paper
		m.Pix[i+3] = 255
	}
}

// grayOf takes one channel of an image in which all are the same.
func grayOf(m *image.RGBA) *image.Gray {
	out := image.NewGray(m.Rect)
	for i := range out.Pix {
		out.Pix[i] = m.Pix[4*i]
	}
	return out
}

// gifPalette is the set of colours, with a transparent one if that is needed.
func gifPalette(colors color.Palette, opaque bool) color.Palette {
	if opaque {
		if len(colors) == 0 {
			return palette.Plan9
		}
		return colors
	}
	for _, c := range colors {
		if _, _, _, a := c.RGBA(); a == 0 {
			return colors
		}
	}
	if len(colors) == 0 || len(colors) == 256 {
		colors = palette.WebSafe
	}
	return append(colors[:len(colors):len(colors)], color.RGBA{})
}

// paletted finds the nearest colours, and hands the rest on to the neighbours (Floyd and Steinberg), in bands. A pixel of a GIF is either
// transparent or not.
func paletted(ctx context.Context, m *image.RGBA, colors color.Palette) (*image.Paletted, error) {
	const pixels = 1 << 16 // between two looks at the context, for each is compared with 256 colours
	for i := 0; i+3 < len(m.Pix); i += 4 {
		px := m.Pix[i : i+4]
		switch a := int(px[3]); {
		case a == 255:
		case a < 128:
			clear(px)
		default:
			for c := range 3 {
				px[c] = uint8(min(255, int(px[c])*255/a))
			}
			px[3] = 255
		}
	}
	out := image.NewPaletted(m.Rect, colors)
	for y, rows := m.Rect.Min.Y, max(1, pixels/m.Rect.Dx()); y < m.Rect.Max.Y; y += rows {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		band := image.Rect(m.Rect.Min.X, y, m.Rect.Max.X, min(y+rows, m.Rect.Max.Y))
		draw.FloydSteinberg.Draw(out, band, m, band.Min)
	}
	return out, nil
}
