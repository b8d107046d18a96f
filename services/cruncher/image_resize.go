package cruncher

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher/picture"
)

// ImageResize returns the operation image.resize: it scales a JPEG, PNG, GIF or WebP image, upright as its EXIF says, and hands the file of the
// new one to the next step, without any metadata. Arguments as in the type resizeArgs, of which width or height is needed; value as in the
// type resized. Header, pixels and memory are judged before anything is decoded (see picture.Header.Affordable).
func ImageResize() ops.Op {
	return ops.Op{Name: "image.resize", Run: imageResize, Check: checker(usualResize())}
}

const defaultQuality = 85

// imageArgs are the arguments that all operations have which make an image.
type imageArgs struct {
	Fit       string         `json:"fit"`        // contain, cover or stretch
	Format    picture.Format `json:"format"`     // jpeg, png or gif; empty for that of the image
	Quality   int            `json:"quality"`    // of JPEG, 1 to 100
	MaxPixels int64          `json:"max_pixels"` // that are decoded, and that are made
}

type resizeArgs struct {
	imageArgs
	Width   int            `json:"width"`  // in pixels
	Height  int            `json:"height"` // in pixels
	Upscale bool           `json:"upscale"`
	Filter  picture.Filter `json:"filter"`
}

// resized is the value of an operation that makes an image.
type resized struct {
	Format picture.Format `json:"format"`
	Width  int            `json:"width"`
	Height int            `json:"height"`
	Bytes  int            `json:"bytes"`
	From   imageFacts     `json:"from"`
}

func usualImage() imageArgs {
	return imageArgs{Fit: picture.Contain, Quality: defaultQuality, MaxPixels: picture.DefaultPixels}
}

func usualResize() resizeArgs { return resizeArgs{imageArgs: usualImage(), Filter: picture.CatmullRom} }

func imageResize(ctx context.Context, in ops.Input) (ops.Output, error) {
	args, err := read(in, usualResize())
	if err != nil {
		return ops.Output{}, err
	}
	if args.Width == 0 && args.Height == 0 {
		err := errors.New(`image.resize needs the argument "width", "height" or both, such as {"width": 800}`)
		return ops.Output{}, ops.Fail(events.ReasonMissingParameter, err)
	}
	box := picture.Box{Width: args.Width, Height: args.Height, Fit: args.Fit, Upscale: args.Upscale}
	return resizeImage(ctx, in, args.imageArgs, box, args.Filter)
}

func (a *resizeArgs) check() error {
	if side := min(a.Width, a.Height); side < 0 {
		return badImageArg("a side of %d pixels: use numbers from 1 to %d", side, picture.MaxSide)
	}
	if side := max(a.Width, a.Height); side > picture.MaxSide {
		return badImageArg("a side of %d pixels: use numbers from 1 to %d", side, picture.MaxSide)
	}
	if !slices.Contains([]picture.Filter{picture.CatmullRom, picture.BiLinear, picture.ApproxBiLinear, picture.Nearest}, a.Filter) {
		return badImageArg("filter %.40q: use catmullrom, bilinear, approxbilinear or nearest", a.Filter)
	}
	return a.imageArgs.check()
}

func (a *imageArgs) check() error {
	switch {
	case !slices.Contains([]string{picture.Contain, picture.Cover, picture.Stretch}, a.Fit):
		return badImageArg("fit %.40q: use contain, cover or stretch", a.Fit)
	case !slices.Contains([]picture.Format{"", picture.JPEG, picture.PNG, picture.GIF}, a.Format):
		return badImageArg("format %.40q: use jpeg, png or gif; WebP can only be read", a.Format)
	case a.Quality < 1 || a.Quality > 100:
		return badImageArg("quality %d: use a number from 1 to 100", a.Quality)
	case a.MaxPixels < 1 || a.MaxPixels > picture.MaxPixels:
		return badImageArg("max_pixels %d: use a number from 1 to %d", a.MaxPixels, picture.MaxPixels)
	}
	return nil
}

func badImageArg(format string, args ...any) error {
	return ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("image: "+format, args...))
}

// resizeImage does what arguments that were checked say.
func resizeImage(ctx context.Context, in ops.Input, args imageArgs, box picture.Box, filter picture.Filter) (ops.Output, error) {
	data, err := imageBytes(ctx, in)
	if err != nil {
		return ops.Output{}, err
	}
	h, err := picture.Inspect(data)
	if err != nil {
		return ops.Output{}, err
	}
	to := h.Fit(box, filter)
	if err := h.Affordable(args.MaxPixels, to); err != nil {
		return ops.Output{}, err
	}
	need := h.Memory(to) + fileBytes(to)
	if !in.Inline() {
		need += int64(len(data))
	}
	if err := in.Reserve(need); err != nil {
		return ops.Output{}, fmt.Errorf("image: %w", err)
	}
	m, err := picture.Decode(ctx, data, &h)
	if err != nil {
		return ops.Output{}, imageVerdict(ctx, "decode the image", err)
	}
	coding := h.CodingFor(m, args.Format, args.Quality)
	small, err := picture.Scale(ctx, m, to)
	if err != nil {
		return ops.Output{}, imageVerdict(ctx, "scale the image", err)
	}
	small = picture.Orient(small, h.Orientation)
	file, err := picture.Encode(ctx, small, coding)
	if err != nil {
		return ops.Output{}, imageVerdict(ctx, "write the image", err)
	}
	return ops.Output{Body: file, Value: ops.JSON(resized{
		Format: coding.Format, Width: small.Rect.Dx(), Height: small.Rect.Dy(), Bytes: len(file), From: factsOf(&h, len(data)),
	})}, nil
}

// fileBytes is how much memory a file takes at most while it is written into a buffer that grows: hardly ever has one more bytes than 4 for
// each pixel.
func fileBytes(to picture.Layout) int64 {
	return min(3*4*int64(to.Width)*int64(to.Height)+64<<10, 3*picture.MaxBytes)
}

// imageVerdict tells an end of the time from a fault in the image.
func imageVerdict(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return interrupted(ctx, what)
	}
	return err
}
