package picture_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/draw"

	"github.com/fetchmill/fetchmill/services/cruncher/picture"
	"github.com/fetchmill/fetchmill/services/cruncher/picture/picturetest"
)

// fuse is a context that ends after it was looked at so many times.
type fuse struct{ looks int }

var errBurnt = errors.New("burnt")

func (f *fuse) Err() error {
	if f.looks--; f.looks < 0 {
		return errBurnt
	}
	return nil
}
func (*fuse) Deadline() (time.Time, bool) { return time.Time{}, false }
func (*fuse) Done() <-chan struct{}       { return nil }
func (*fuse) Value(any) any               { return nil }

func whole(m image.Image, w, h int, filter picture.Filter) picture.Layout {
	return picture.Layout{Crop: m.Bounds(), Width: w, Height: h, Filter: filter}
}

func scaled(t testing.TB, m image.Image, to picture.Layout) *image.RGBA {
	t.Helper()
	out, err := picture.Scale(t.Context(), m, to)
	require.NoError(t, err)
	require.Equal(t, image.Rect(0, 0, to.Width, to.Height), out.Rect)
	return out
}

// difference is the largest difference of two samples, and the mean one.
func difference(t testing.TB, a, b *image.RGBA) (most int, mean float64) {
	t.Helper()
	require.Equal(t, a.Rect, b.Rect)
	sum := 0
	for i := range a.Pix {
		d := int(a.Pix[i]) - int(b.Pix[i])
		most, sum = max(most, d, -d), sum+max(d, -d)
	}
	return most, float64(sum) / float64(len(a.Pix))
}

func TestScale_in_bands_is_what_the_library_does_in_one_go(t *testing.T) {
	jpg := picturetest.JPEG(picturetest.Photo(700, 500))
	h, err := picture.Inspect(jpg)
	require.NoError(t, err)
	photo, err := picture.Decode(t.Context(), jpg, &h)
	require.NoError(t, err)
	require.IsType(t, &image.YCbCr{}, photo)
	filters := map[picture.Filter]draw.Scaler{
		picture.CatmullRom: draw.CatmullRom, picture.BiLinear: draw.BiLinear,
		picture.ApproxBiLinear: draw.ApproxBiLinear, picture.Nearest: draw.NearestNeighbor,
	}
	for filter, library := range filters {
		for name, size := range map[string]image.Point{
			"smaller": {400, 260}, "larger": {840, 600}, "as it is": {700, 500}, "one way": {390, 500}, "the other way": {700, 260}, "both ways": {800, 280},
		} {
			t.Run(string(filter)+" "+name, func(t *testing.T) {
				want := image.NewRGBA(image.Rectangle{Max: size})
				library.Scale(want, want.Rect, photo, photo.Bounds(), draw.Src, nil)
				most, mean := difference(t, want, scaled(t, photo, whole(photo, size.X, size.Y, filter)))
				if filter == picture.ApproxBiLinear || filter == picture.Nearest {
					require.Zero(t, most)
					return
				}
				// Between the directions samples are rounded, and cut off where a filter overshoots.
				require.LessOrEqual(t, mean, 0.5)
				require.LessOrEqual(t, most, 12)
			})
		}
	}
}

func TestScale_far_down_averages_every_pixel(t *testing.T) {
	for name, empty := range map[string]func(image.Rectangle) draw.Image{
		"gray":    func(r image.Rectangle) draw.Image { return image.NewGray(r) },
		"rgba":    func(r image.Rectangle) draw.Image { return image.NewRGBA(r) },
		"nrgba":   func(r image.Rectangle) draw.Image { return image.NewNRGBA(r) },
		"16 bits": func(r image.Rectangle) draw.Image { return image.NewNRGBA64(r) },
		"a palette": func(r image.Rectangle) draw.Image {
			return image.NewPaletted(r, color.Palette{color.Black, color.White})
		},
		"16 bits, g": func(r image.Rectangle) draw.Image { return image.NewGray16(r) },
	} {
		t.Run(name, func(t *testing.T) {
			m := empty(image.Rect(0, 0, 603, 401)) // a fine chessboard, of which one that looks at some pixels makes black or white
			for y := range 401 {
				for x := range 603 {
					m.Set(x, y, color.Gray{uint8((x + y) % 2 * 255)})
				}
			}
			for _, filter := range []picture.Filter{picture.CatmullRom, picture.BiLinear} {
				out := scaled(t, m, whole(m, 30, 20, filter))
				for i, v := range out.Pix {
					if i%4 == 3 {
						require.Equal(t, uint8(255), v)
						continue
					}
					require.InDelta(t, 127.5, float64(v), 16, "sample %d", i) // boxes of an odd number of pixels have one more of either
				}
			}
		})
	}
}

func TestScale_of_subsampled_colours(t *testing.T) {
	for _, ratio := range []image.YCbCrSubsampleRatio{
		image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410,
	} {
		t.Run(ratio.String(), func(t *testing.T) {
			for _, size := range []image.Point{{397, 201}, {400, 200}, {8, 399}, {399, 2}} {
				m := image.NewYCbCr(image.Rectangle{Max: size}, ratio)
				for y := range size.Y { // left is orange, right is blue
					for x := range size.X {
						cy, cb, cr := color.RGBToYCbCr(220, 120, 20)
						if 2*x >= size.X {
							cy, cb, cr = color.RGBToYCbCr(20, 60, 180)
						}
						m.Y[m.YOffset(x, y)], m.Cb[m.COffset(x, y)], m.Cr[m.COffset(x, y)] = cy, cb, cr
					}
				}
				out := scaled(t, m, whole(m, 10, 10, picture.BiLinear))
				left, right := out.RGBAAt(0, 5), out.RGBAAt(9, 5)
				require.InDelta(t, 220, int(left.R), 4)
				require.InDelta(t, 20, int(left.B), 4)
				require.InDelta(t, 20, int(right.R), 4)
				require.InDelta(t, 180, int(right.B), 4)
			}
		})
	}
}

func TestScale_of_a_part_far_down(t *testing.T) {
	m := picturetest.Quarters(1200, 800)
	out := scaled(t, m, picture.Layout{Crop: image.Rect(600, 400, 1200, 800), Width: 30, Height: 20, Filter: picture.CatmullRom})
	for _, p := range []image.Point{{0, 0}, {29, 0}, {15, 10}, {0, 19}, {29, 19}} {
		require.Equal(t, picturetest.Yellow, out.RGBAAt(p.X, p.Y), "nothing of the other quarters comes in")
	}
}

func TestEverything_stops_soon_after_its_context_has_ended(t *testing.T) {
	photo := picturetest.Photo(900, 700)
	jpg := picturetest.JPEG(photo)
	h, err := picture.Inspect(jpg)
	require.NoError(t, err)
	planes, err := picture.Decode(t.Context(), jpg, &h)
	require.NoError(t, err)
	mini := picturetest.Photo(300, 460)
	small := whole(planes, 100, 100, picture.BiLinear)
	for name, c := range map[string]struct {
		looks int // before it ends; more are taken to the end
		do    func(ctx context.Context) error
	}{
		"decoding":          {20, func(ctx context.Context) error { _, err := picture.Decode(ctx, jpg, &h); return err }},
		"shrinking planes":  {1, func(ctx context.Context) error { _, err := picture.Scale(ctx, planes, small); return err }},
		"shrinking colours": {1, func(ctx context.Context) error { _, err := picture.Scale(ctx, photo, small); return err }},
		"scaling across": {1, func(ctx context.Context) error {
			_, err := picture.Scale(ctx, photo, whole(photo, 500, 700, picture.CatmullRom))
			return err
		}},
		"scaling down": {1, func(ctx context.Context) error {
			_, err := picture.Scale(ctx, photo, whole(photo, 900, 400, picture.CatmullRom))
			return err
		}},
		"interpolating": {1, func(ctx context.Context) error {
			_, err := picture.Scale(ctx, photo, whole(photo, 800, 700, picture.Nearest))
			return err
		}},
		"writing JPEG":    {20, func(ctx context.Context) error { return encode(ctx, photo, picture.JPEG) }},
		"writing PNG":     {2, func(ctx context.Context) error { return encode(ctx, photo, picture.PNG) }},
		"writing GIF":     {6, func(ctx context.Context) error { return encode(ctx, mini, picture.GIF) }},
		"finding colours": {2, func(ctx context.Context) error { return encode(ctx, mini, picture.GIF) }},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := &fuse{c.looks}
			require.ErrorIs(t, c.do(ctx), errBurnt)
			require.GreaterOrEqual(t, ctx.looks, -4, "it goes on after it was told to stop")
			require.NoError(t, c.do(t.Context()))
		})
	}
}

func encode(ctx context.Context, m image.Image, format picture.Format) error {
	own := image.NewRGBA(m.Bounds())
	draw.Copy(own, image.Point{}, m, m.Bounds(), draw.Src, nil)
	_, err := picture.Encode(ctx, own, picture.Coding{Format: format, Quality: 90})
	return err
}

func TestEncode_refuses_what_it_cannot_write(t *testing.T) {
	require.ErrorContains(t, encode(t.Context(), picturetest.Quarters(4, 4), picture.WebP), "format webp cannot be written")
}

func TestEncode_writes_gray_without_colours(t *testing.T) {
	m := image.NewRGBA(image.Rect(0, 0, 4, 4))
	draw.Draw(m, m.Rect, image.NewUniform(color.Gray{99}), image.Point{}, draw.Src)
	file, err := picture.Encode(t.Context(), m, picture.Coding{Format: picture.PNG, Gray: true})
	require.NoError(t, err)
	got, err := png.Decode(bytes.NewReader(file))
	require.NoError(t, err)
	require.IsType(t, &image.Gray{}, got)
	require.Equal(t, color.Gray{99}, got.At(2, 2))
}

// What is computed from a header must not be less than what a decoder takes.
func TestMemory_is_an_upper_bound(t *testing.T) {
	q := picturetest.Quarters(1000, 700)
	gray := image.NewGray(q.Rect)
	for name, file := range map[string][]byte{
		"jpeg":              picturetest.JPEG(q),
		"jpeg, gray":        picturetest.JPEG(gray),
		"jpeg, progressive": picturetest.FlatJPEG(1000, 700, 3, true, true),
		"jpeg, cmyk":        picturetest.FlatJPEG(1000, 700, 4, false, true),
		"jpeg, both":        picturetest.FlatJPEG(1000, 700, 4, true, true),
		"png":               picturetest.PNG(q),
		"png, gray":         picturetest.PNG(gray),
		"png, interlaced":   picturetest.InterlacedPNG(gray),
		"webp":              picturetest.FlatWebP(1000, 700, color.NRGBA{1, 2, 3, 4}),
		"gif":               picturetest.GIF(image.Pt(1000, 700), image.NewPaletted(q.Rect, color.Palette{color.Black, color.White})),
		"gif, small frame":  picturetest.GIF(image.Pt(1000, 700), image.NewPaletted(image.Rect(1, 1, 1000, 700), color.Palette{color.Black, color.White})),
	} {
		t.Run(name, func(t *testing.T) {
			h, err := picture.Inspect(file)
			require.NoError(t, err)
			decoded := h.Memory(picture.Layout{}) - new(picture.Header).Memory(picture.Layout{})
			const tables = 256 << 10 // of any decoder
			require.LessOrEqual(t, taken(func() {
				_, err = picture.Decode(t.Context(), file, &h)
			}), decoded+tables)
			require.NoError(t, err)
		})
	}
}

func TestMemory_is_an_upper_bound_of_scaling(t *testing.T) {
	m := picturetest.Quarters(900, 600)
	h := picture.Header{Width: 900, Height: 600}
	for _, box := range []picture.Box{{Width: 50}, {Width: 800}, {Width: 1500, Upscale: true}, {Width: 10, Height: 4000, Upscale: true, Fit: picture.Stretch}} {
		to := h.Fit(box, picture.CatmullRom)
		// Scalers keep their scratch memory in a pool, which may lose it: under the race detector one time in four. Then it is allocated
		// again, though no more of it is needed at a time. What counts is the least that was ever enough.
		least := int64(math.MaxInt64)
		for range 10 {
			var err error
			least = min(least, taken(func() { _, err = picture.Scale(t.Context(), m, to) }))
			require.NoError(t, err)
			if least <= h.Memory(to) {
				break
			}
		}
		require.LessOrEqual(t, least, h.Memory(to))
	}
}

// taken is how many bytes were allocated by what was done.
func taken(do func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}
