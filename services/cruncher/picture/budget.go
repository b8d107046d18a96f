package picture

import (
	"fmt"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Bounds of one image.
const (
	// MaxBytes is the largest file that is read, and the largest that is made.
	MaxBytes = 64 << 20
	// DefaultPixels is how many pixels an image may have unless told otherwise, and MaxPixels how many it may be told.
	DefaultPixels = 50_000_000
	MaxPixels     = 100_000_000
	// MaxSide is the longest side that is made, in pixels: the most that JPEG and GIF can tell.
	MaxSide = 65_535
	// MaxMemory is how many bytes the work on one image may take beside the file and what becomes of it.
	MaxMemory = 512 << 20

	scratch = 32 << 20 // weights and bands while scaling
)

// Affordable refuses, as too_large, an image whose pixels or whose work are beyond the bounds.
func (h *Header) Affordable(pixels int64, to Layout) error {
	if h.Pixels() > pixels {
		return tooLarge("the image has %d × %d pixels: at most %d are decoded, see max_pixels", h.Width, h.Height, pixels)
	}
	if n := int64(to.Width) * int64(to.Height); n > pixels || max(to.Width, to.Height) > MaxSide {
		return tooLarge("the result would have %d × %d pixels: at most %d are made, and %d on a side", to.Width, to.Height, pixels, MaxSide)
	}
	if m := h.Memory(to); m > MaxMemory {
		return tooLarge("the image (%s, %d × %d) would take %d MB of memory: at most %d are given", h.Format, h.Width, h.Height, m>>20, MaxMemory>>20)
	}
	return nil
}

// Memory is how many bytes decoding and scaling may take at once: what the decoder keeps, and 4 for each pixel of the result, of the one
// before it is turned, and of the steps between. It is an upper bound, computed from the header alone.
func (h *Header) Memory(to Layout) int64 {
	result := int64(to.Width) * int64(to.Height)
	kx, ky := to.shrinks()
	shrunk := int64(0)
	w, hh := int64(to.Crop.Dx()), int64(to.Crop.Dy())
	if kx > 1 || ky > 1 {
		w, hh = ceil(int64(h.Width), int64(kx)), ceil(int64(h.Height), int64(ky))
		shrunk = w * hh
	}
	between := min(int64(to.Width)*hh, int64(to.Height)*w)
	return h.samples + 4*(2*result+shrunk+between) + scratch
}

func tooLarge(format string, args ...any) error {
	return ops.Fail(events.ReasonTooLarge, fmt.Errorf(format, args...))
}
