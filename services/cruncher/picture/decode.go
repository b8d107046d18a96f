package picture

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/webp"
)

// Decode decodes the pixels of an image that Inspect has read; of an animation the first frame. It reads until the context ends; WebP,
// and the last pass of progressive JPEG, are computed after everything has been read. The orientation is not applied.
func Decode(ctx context.Context, data []byte, h *Header) (image.Image, error) {
	if h.Animated {
		return nil, errors.New("an animated WebP image cannot be decoded: use a still one, or a GIF")
	}
	r := untilDone{ctx, bytes.NewReader(data)}
	var m image.Image
	var err error
	switch h.Format {
	case JPEG:
		m, err = jpeg.Decode(r)
	case PNG:
		m, err = png.Decode(r)
	case GIF:
		m, err = gif.Decode(r)
	case WebP:
		m, err = webp.Decode(r)
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, describe(h.Format, err)
	case h.Format == GIF:
		m = onCanvas(m, image.Rect(0, 0, h.Width, h.Height))
	}
	if m.Bounds() != image.Rect(0, 0, h.Width, h.Height) {
		return nil, errors.New("the image has another size than its header tells")
	}
	return m, nil
}

// onCanvas puts the frame of a GIF, which may be smaller than the image, where it belongs.
func onCanvas(frame image.Image, canvas image.Rectangle) image.Image {
	if frame.Bounds() == canvas {
		return frame
	}
	m := image.NewRGBA(canvas)
	draw.Draw(m, frame.Bounds(), frame, frame.Bounds().Min, draw.Src)
	return m
}
