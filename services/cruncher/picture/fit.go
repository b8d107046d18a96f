package picture

import (
	"image"
	"math"
)

// Fits say how an image comes into a box.
const (
	Contain = "contain" // all of it, within the box
	Cover   = "cover"   // the box is filled; what is too wide or too high is cut off at both ends
	Stretch = "stretch" // the box is filled, and shapes change
)

// Box is the size that is wanted, in pixels as people see the image. A side of 0 is as the other one makes it.
type Box struct {
	Width, Height int
	Fit           string
	Upscale       bool // whether a smaller image is made larger
}

// Layout is a part of a stored image and the size that it is scaled to, before the orientation is applied.
type Layout struct {
	Crop          image.Rectangle
	Width, Height int
	Filter        Filter
}

// Fit computes what has to be done.
func (h *Header) Fit(box Box, filter Filter) Layout {
	ow, oh := h.Oriented()
	w, ht := float64(ow), float64(oh)
	sx, sy := float64(box.Width)/w, float64(box.Height)/ht // 0 for an open side
	switch {
	case box.Fit == Stretch:
		sx, sy = orOne(sx), orOne(sy)
	case sx == 0 || sy == 0:
		sx, sy = max(sx, sy), max(sx, sy)
	case box.Fit == Cover:
		sx, sy = max(sx, sy), max(sx, sy)
	default:
		sx, sy = min(sx, sy), min(sx, sy)
	}
	if !box.Upscale {
		sx, sy = min(sx, 1), min(sy, 1)
	}
	dw, dh := side(w*sx), side(ht*sy)
	cw, ch := ow, oh
	if box.Width > 0 && dw > box.Width {
		dw, cw = box.Width, min(ow, side(float64(box.Width)/sx))
	}
	if box.Height > 0 && dh > box.Height {
		dh, ch = box.Height, min(oh, side(float64(box.Height)/sy))
	}
	if h.turned() {
		dw, dh, cw, ch = dh, dw, ch, cw
	}
	x, y := (h.Width-cw)/2, (h.Height-ch)/2
	return Layout{Crop: image.Rect(x, y, x+cw, y+ch), Width: dw, Height: dh, Filter: filter}
}

func orOne(s float64) float64 {
	if s == 0 {
		return 1
	}
	return s
}

// side is a length in whole pixels. The bound keeps what is refused later within the range of integers.
func side(length float64) int { return int(min(max(1, math.Round(length)), math.MaxInt32)) }
