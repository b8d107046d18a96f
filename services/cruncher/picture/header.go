package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net/http"

	"golang.org/x/image/webp"
)

// Format is a format of image files.
type Format string

// The formats that are read. All but WebP are written, too.
const (
	JPEG Format = "jpeg"
	PNG  Format = "png"
	GIF  Format = "gif"
	WebP Format = "webp"
)

// Header is what an image says about itself.
type Header struct {
	Format Format
	Width  int // in pixels, as stored: before the orientation is applied
	Height int
	Color  string // gray, graya, rgb, rgba, cmyk or palette
	Depth  int    // bits of a channel, or of a place in the palette

	// Frames is how many pictures an animation has; those of a GIF and of an animated WebP are counted, other images have 1.
	Frames int
	// Animated WebP is not decoded.
	Animated bool
	// Orientation is that of EXIF, from 1 to 8, or 0 if a JPEG does not tell one. The other formats are not asked.
	Orientation int

	samples int64 // bytes of the decoder's planes and coefficients
}

// Oriented is the size in pixels as people see the image, with the orientation applied.
func (h *Header) Oriented() (width, height int) {
	if h.turned() {
		return h.Height, h.Width
	}
	return h.Width, h.Height
}

// turned tells whether width and height change places.
func (h *Header) turned() bool { return h.Orientation >= 5 }

// Pixels is width times height.
func (h *Header) Pixels() int64 { return int64(h.Width) * int64(h.Height) }

// Inspect reads the header of an image. The format is told by its first bytes. No pixel is decoded, so the rest may yet be broken.
func Inspect(data []byte) (Header, error) {
	format, config, err := sniff(data)
	if err != nil {
		return Header{}, err
	}
	c, err := config(bytes.NewReader(data))
	if err != nil {
		return Header{}, describe(format, err)
	}
	h := Header{Format: format, Width: c.Width, Height: c.Height, Depth: 8, Frames: 1, Color: colorOf(c.ColorModel)}
	if h.Width < 1 || h.Height < 1 {
		return h, fmt.Errorf("the image has %d × %d pixels: there is nothing in it", h.Width, h.Height)
	}
	switch format {
	case JPEG:
		h.readJPEG(data)
	case PNG:
		h.readPNG(data)
	case GIF:
		h.Color, h.Frames = "palette", gifFrames(data)
		h.samples = 5 * h.Pixels() // the frame, and a canvas if the frame is smaller
	case WebP:
		h.readWebP(data)
	}
	return h, nil
}

func sniff(data []byte) (Format, func(r *bytes.Reader) (image.Config, error), error) {
	is := func(at int, magic string) bool { return len(data) >= at && bytes.HasPrefix(data[at:], []byte(magic)) }
	switch {
	case is(0, "\xff\xd8"):
		return JPEG, func(r *bytes.Reader) (image.Config, error) { return jpeg.DecodeConfig(r) }, nil
	case is(0, "\x89PNG\r\n\x1a\n"):
		return PNG, func(r *bytes.Reader) (image.Config, error) { return png.DecodeConfig(r) }, nil
	case is(0, "GIF87a"), is(0, "GIF89a"):
		return GIF, func(r *bytes.Reader) (image.Config, error) { return gif.DecodeConfig(r) }, nil
	case is(0, "RIFF") && is(8, "WEBP"):
		return WebP, func(r *bytes.Reader) (image.Config, error) { return webp.DecodeConfig(r) }, nil
	case len(data) == 0:
		return "", nil, errors.New("there is no image: the step before has handed over no body")
	}
	return "", nil, fmt.Errorf("this is no JPEG, PNG, GIF or WebP image but %s", http.DetectContentType(data))
}

func colorOf(m color.Model) string {
	switch m {
	case color.GrayModel, color.Gray16Model:
		return "gray"
	case color.CMYKModel:
		return "cmyk"
	case color.NRGBAModel, color.NYCbCrAModel:
		return "rgba"
	}
	return "rgb"
}

// readPNG reads the chunk IHDR, which is always the first. https://www.w3.org/TR/png-3/#11IHDR
func (h *Header) readPNG(data []byte) {
	if len(data) < 29 {
		return // not so: the decoder has read it
	}
	h.Depth = int(data[24])
	h.Color = map[byte]string{0: "gray", 2: "rgb", 3: "palette", 4: "graya", 6: "rgba"}[data[25]]
	perPixel := int64(4) // gray becomes this, too, if one shade is transparent
	switch {
	case h.Depth == 16:
		perPixel = 8
	case h.Color == "palette":
		perPixel = 1
	}
	if interlaced := data[28] != 0; interlaced {
		perPixel += (perPixel + 1) / 2 // the last of seven passes has half of the pixels
	}
	h.samples = perPixel * h.Pixels()
}

// describe says of which format a decoder complains, and what that means.
func describe(format Format, err error) error {
	if cutOff(err) {
		return fmt.Errorf("the %s image is cut off: %w", format, err)
	}
	return fmt.Errorf("the %s image cannot be decoded: %w", format, err)
}
