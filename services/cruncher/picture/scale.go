package picture

import (
	"context"
	"image"
	"math"

	"golang.org/x/image/draw"
)

// Filter says how pixels are computed from others.
type Filter string

// The filters, from the finest to the fastest.
const (
	CatmullRom     Filter = "catmullrom"
	BiLinear       Filter = "bilinear"
	ApproxBiLinear Filter = "approxbilinear"
	Nearest        Filter = "nearest"
)

// kernel tells whether a filter looks at all pixels; the others look at some, so that fine patterns may become coarse ones.
func (f Filter) kernel() bool { return f == CatmullRom || f == BiLinear }

// Scale makes a part of an image the size that the layout has. It looks at the context between bands of about 260,000 pixels. The result
// is not yet turned.
func Scale(ctx context.Context, m image.Image, to Layout) (*image.RGBA, error) {
	crop := to.Crop
	if kx, ky := to.shrinks(); kx > 1 || ky > 1 {
		small, err := shrink(ctx, m, kx, ky)
		if err != nil {
			return nil, err
		}
		m, crop = small, shrunkCrop(crop, kx, ky).Intersect(small.Bounds())
	}
	switch to.Filter {
	case CatmullRom:
		return resample(ctx, m, crop, to.Width, to.Height, draw.CatmullRom)
	case BiLinear:
		return resample(ctx, m, crop, to.Width, to.Height, draw.BiLinear)
	case ApproxBiLinear:
		return interpolate(ctx, m, crop, to.Width, to.Height, draw.ApproxBiLinear)
	default:
		return interpolate(ctx, m, crop, to.Width, to.Height, draw.NearestNeighbor)
	}
}

// shrunkCrop is where a part of an image is after it was shrunk, to the nearest pixel: half of one of the result at most.
func shrunkCrop(r image.Rectangle, kx, ky int) image.Rectangle {
	at := func(v, k int) int { return int(math.Round(float64(v) / float64(k))) }
	x, y := at(r.Min.X, kx), at(r.Min.Y, ky)
	return image.Rect(x, y, max(x+1, at(r.Max.X, kx)), max(y+1, at(r.Max.Y, ky)))
}

// interpolate computes the result in bands of rows: such a filter computes each pixel for itself.
func interpolate(ctx context.Context, m image.Image, crop image.Rectangle, w, h int, filter draw.Interpolator) (*image.RGBA, error) {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y, rows := 0, rowsOf(w); y < h; y += rows {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		band := *out
		band.Rect = image.Rect(0, y, w, min(y+rows, h))
		band.Pix = out.Pix[y*out.Stride:]
		filter.Scale(&band, out.Rect, m, crop, draw.Src, nil)
	}
	return out, nil
}

// resample scales across and then down, or the other way round, whichever has fewer pixels in between. In one go the library would take
// 32 bytes for each of these, and not look at the context. A band is copied first, because a kernel takes each pixel many times, and of other types
// than this one much more slowly.
func resample(ctx context.Context, m image.Image, crop image.Rectangle, w, h int, kernel *draw.Kernel) (*image.RGBA, error) {
	final := image.Pt(w, h)
	if final == crop.Size() { // then the library copies
		return interpolate(ctx, m, crop, w, h, draw.NearestNeighbor)
	}
	between := image.Pt(w, crop.Dy())
	if int64(w)*int64(crop.Dy()) > int64(crop.Dx())*int64(h) {
		between = image.Pt(crop.Dx(), h)
	}
	passes := []image.Point{between, final}
	if between == crop.Size() || between == final { // one direction stays as it is
		passes = passes[1:]
	}
	var out *image.RGBA
	for _, size := range passes {
		out = image.NewRGBA(image.Rectangle{Max: size})
		var err error
		if size.Y == crop.Dy() {
			err = across(ctx, out, m, crop, kernel)
		} else {
			err = down(ctx, out, m, crop, kernel)
		}
		if err != nil {
			return nil, err
		}
		m, crop = out, out.Rect
	}
	return out, nil
}

// across scales rows, which are as many before as after. In the other direction the kernels leave pixels as they are.
func across(ctx context.Context, out *image.RGBA, m image.Image, from image.Rectangle, kernel *draw.Kernel) error {
	w, h := out.Rect.Dx(), out.Rect.Dy()
	rows := min(h, rowsOf(max(w, from.Dx())))
	scaler := kernel.NewScaler(w, rows, from.Dx(), rows)
	band := image.NewRGBA(image.Rect(0, 0, from.Dx(), rows))
	for y := 0; y < h; y += rows {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n := min(rows, h-y)
		draw.Draw(band, band.Rect, m, from.Min.Add(image.Pt(0, y)), draw.Src)
		scaler.Scale(out, image.Rect(0, y, w, y+n), band, image.Rect(0, 0, from.Dx(), n), draw.Src, nil)
	}
	return nil
}

// down scales columns, which are as many before as after.
func down(ctx context.Context, out *image.RGBA, m image.Image, from image.Rectangle, kernel *draw.Kernel) error {
	w, h := out.Rect.Dx(), out.Rect.Dy()
	columns := min(w, rowsOf(max(h, from.Dy())))
	scaler := kernel.NewScaler(columns, h, columns, from.Dy())
	band := image.NewRGBA(image.Rect(0, 0, columns, from.Dy()))
	for x := 0; x < w; x += columns {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n := min(columns, w-x)
		draw.Draw(band, band.Rect, m, from.Min.Add(image.Pt(x, 0)), draw.Src)
		scaler.Scale(out, image.Rect(x, 0, x+n, h), band, image.Rect(0, 0, n, from.Dy()), draw.Src, nil)
	}
	return nil
}
