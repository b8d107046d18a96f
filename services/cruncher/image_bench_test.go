package cruncher_test

import (
	"encoding/json"
	"fmt"
	"image"
	"testing"

	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher"
	"github.com/fetchmill/fetchmill/services/cruncher/picture"
	"github.com/fetchmill/fetchmill/services/cruncher/picture/picturetest"
)

// A thumbnail of a photograph with 12 megapixels, and of one with 2.
func BenchmarkThumbnail(b *testing.B) {
	for _, size := range []image.Point{{4000, 3000}, {1600, 1200}} {
		file := picturetest.JPEG(picturetest.Photo(size.X, size.Y))
		b.Run(size.String(), func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			op := cruncher.ImageThumbnail()
			for b.Loop() {
				if _, err := op.Run(b.Context(), ops.Input{Body: file, With: json.RawMessage(`{}`)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Where the time of a thumbnail goes.
func BenchmarkImageSteps(b *testing.B) {
	file := picturetest.JPEG(picturetest.Photo(4000, 3000))
	h, err := picture.Inspect(file)
	if err != nil {
		b.Fatal(err)
	}
	m, err := picture.Decode(b.Context(), file, &h)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("inspect", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = picture.Inspect(file)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = picture.Decode(b.Context(), file, &h)
		}
	})
	for _, filter := range []picture.Filter{picture.CatmullRom, picture.BiLinear, picture.ApproxBiLinear, picture.Nearest} {
		for _, width := range []int{200, 2000} {
			to := h.Fit(picture.Box{Width: width}, filter)
			b.Run(fmt.Sprintf("scale to %d, %s", width, filter), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, _ = picture.Scale(b.Context(), m, to)
				}
			})
		}
	}
	small, err := picture.Scale(b.Context(), m, h.Fit(picture.Box{Width: 200}, picture.BiLinear))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode 200", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = picture.Encode(b.Context(), small, picture.Coding{Format: picture.JPEG, Quality: 85})
		}
	})
}
