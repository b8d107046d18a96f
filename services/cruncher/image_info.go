package cruncher

import (
	"context"

	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher/picture"
)

// ImageInfo returns the operation image.info: what the header of a JPEG, PNG, GIF or WebP image tells. No pixel is decoded, so that any size is
// told at no cost, and what follows the header may yet be broken. No arguments; value as in the type imageFacts.
func ImageInfo() ops.Op { return ops.Op{Name: "image.info", Run: imageInfo} }

// imageFacts are what there is to say about an image. Width and height are in pixels as stored.
type imageFacts struct {
	Format      picture.Format `json:"format"`
	Width       int            `json:"width"`
	Height      int            `json:"height"`
	Color       string         `json:"color"`
	Depth       int            `json:"depth"`
	Frames      int            `json:"frames,omitempty"`      // of an animation
	Orientation int            `json:"orientation,omitempty"` // of EXIF, 1 to 8
	Bytes       int            `json:"bytes"`
}

func factsOf(h *picture.Header, bytes int) imageFacts {
	f := imageFacts{
		Format: h.Format, Width: h.Width, Height: h.Height, Color: h.Color, Depth: h.Depth, Orientation: h.Orientation, Bytes: bytes,
	}
	if h.Format == picture.GIF || h.Animated {
		f.Frames = h.Frames
	}
	return f
}

func imageInfo(ctx context.Context, in ops.Input) (ops.Output, error) {
	if err := in.Args(&struct{}{}); err != nil {
		return ops.Output{}, err
	}
	data, err := imageBytes(ctx, in)
	if err != nil {
		return ops.Output{}, err
	}
	h, err := picture.Inspect(data)
	if err != nil {
		return ops.Output{}, err
	}
	return ops.Output{Value: ops.JSON(factsOf(&h, len(data)))}, nil
}
