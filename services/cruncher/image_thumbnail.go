package cruncher

import (
	"context"

	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher/picture"
)

// ImageThumbnail returns the operation image.thumbnail: image.resize into a square, with a fast filter, and never upwards. Arguments as in
// the type thumbnailArgs; value and body as of image.resize.
func ImageThumbnail() ops.Op {
	return ops.Op{Name: "image.thumbnail", Run: imageThumbnail, Check: checker(usualThumbnail())}
}

// Bounds of a thumbnail, in pixels.
const (
	defaultThumbnail = 200
	maxThumbnail     = 4096
)

type thumbnailArgs struct {
	imageArgs
	Size int `json:"size"` // of the square, in pixels
}

func usualThumbnail() thumbnailArgs {
	return thumbnailArgs{imageArgs: usualImage(), Size: defaultThumbnail}
}

func imageThumbnail(ctx context.Context, in ops.Input) (ops.Output, error) {
	args, err := read(in, usualThumbnail())
	if err != nil {
		return ops.Output{}, err
	}
	return resizeImage(ctx, in, args.imageArgs, picture.Box{Width: args.Size, Height: args.Size, Fit: args.Fit}, picture.BiLinear)
}

func (a *thumbnailArgs) check() error {
	switch {
	case a.Size < 1 || a.Size > maxThumbnail:
		return badImageArg("size %d: use a number from 1 to %d", a.Size, maxThumbnail)
	case a.Fit == picture.Stretch:
		return badImageArg("fit %q: a thumbnail is contain or cover", a.Fit)
	}
	return a.imageArgs.check()
}
