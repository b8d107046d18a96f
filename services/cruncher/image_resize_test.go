package cruncher_test

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher/picture/picturetest"
)

func TestImageResize_makes_the_size_that_was_asked_for(t *testing.T) {
	for _, c := range []struct {
		with string
		want image.Point
	}{
		{`{"width":30}`, image.Pt(30, 20)},
		{`{"height":10}`, image.Pt(15, 10)},
		{`{"width":30,"height":30}`, image.Pt(30, 20)},
		{`{"width":30,"height":30,"fit":"cover"}`, image.Pt(30, 30)},
		{`{"width":30,"height":30,"fit":"stretch"}`, image.Pt(30, 30)},
		{`{"width":30,"fit":"stretch"}`, image.Pt(30, 40)},
		{`{"width":30,"fit":"cover"}`, image.Pt(30, 20)},
		{`{"width":600}`, image.Pt(60, 40)},
		{`{"width":600,"upscale":true}`, image.Pt(600, 400)},
		{`{"width":50,"height":400,"fit":"cover"}`, image.Pt(50, 40)},
		{`{"width":50,"height":400,"fit":"cover","upscale":true}`, image.Pt(50, 400)},
		{`{"width":600,"height":20,"fit":"stretch"}`, image.Pt(60, 20)},
		{`{"width":600,"height":20,"fit":"stretch","upscale":true}`, image.Pt(600, 20)},
		{`{"width":7,"height":7}`, image.Pt(7, 5)},
		{`{"width":1}`, image.Pt(1, 1)},
		{`{"width":30,"filter":"bilinear"}`, image.Pt(30, 20)},
		{`{"width":30,"filter":"approxbilinear"}`, image.Pt(30, 20)},
		{`{"width":30,"filter":"nearest"}`, image.Pt(30, 20)},
	} {
		t.Run(c.with, func(t *testing.T) {
			m := makeImage(t, "image.resize", c.with, picturetest.PNG(picturetest.Quarters(60, 40)))
			require.Equal(t, c.want, m.size())
			if c.want.X > 1 {
				quarters(t, m)
			}
		})
	}
}

func TestImageResize_cover_cuts_off_both_ends_alike(t *testing.T) {
	m := makeImage(t, "image.resize", `{"width":10,"height":40,"fit":"cover"}`, picturetest.PNG(picturetest.Quarters(60, 40)))
	near(t, picturetest.Red, m, 3, 10)
	near(t, picturetest.Green, m, 7, 10)
}

func TestImageResize_reads_every_kind(t *testing.T) {
	q := picturetest.Quarters(64, 48)
	for name, c := range map[string]struct {
		file         []byte
		format       string
		wantQuarters bool
	}{
		"jpeg":              {picturetest.JPEG(q), "jpeg", true},
		"png":               {picturetest.PNG(q), "png", true},
		"png, 16 bits":      {deep(q), "png", true},
		"png, palette":      {picturetest.PNG(paletted(q)), "png", true},
		"gif":               {picturetest.GIF(image.Pt(64, 48), paletted(q)), "gif", true},
		"gif, first frame":  {picturetest.GIF(image.Pt(64, 48), paletted(q), paletted(image.NewRGBA(q.Rect))), "gif", true},
		"jpeg, gray":        {picturetest.FlatJPEG(64, 48, 1, false, true), "jpeg", false},
		"jpeg, progressive": {picturetest.FlatJPEG(64, 48, 3, true, true), "jpeg", false},
	} {
		t.Run(name, func(t *testing.T) {
			m := makeImage(t, "image.resize", `{"width":32}`, c.file)
			require.Equal(t, image.Pt(32, 24), m.size())
			require.Equal(t, c.format, m.Format)
			require.Equal(t, len(c.file), m.From.Bytes)
			if c.wantQuarters {
				quarters(t, m)
			} else {
				near(t, color.Gray{128}, m, 10, 10)
			}
		})
	}
}

func TestImageResize_of_cmyk_is_rgb(t *testing.T) {
	m := makeImage(t, "image.resize", `{"width":16}`, picturetest.FlatJPEG(64, 48, 4, false, true))
	require.IsType(t, &image.YCbCr{}, m.Image)
	near(t, color.Gray{64}, m, 8, 6) // half of each ink, and of black on top
}

func TestImageResize_of_an_interlaced_image(t *testing.T) {
	g := image.NewGray(image.Rect(0, 0, 21, 13))
	for i := range g.Pix {
		g.Pix[i] = uint8(i % 21 * 12)
	}
	m := makeImage(t, "image.resize", `{"width":21}`, picturetest.InterlacedPNG(g))
	require.IsType(t, &image.Gray{}, m.Image, "what has no colours is written without")
	for y := range 13 {
		for x := range 21 {
			require.Equal(t, g.GrayAt(x, y), m.At(x, y))
		}
	}
}

func TestImageResize_of_webp_is_jpeg_or_png(t *testing.T) {
	m := makeImage(t, "image.resize", `{"width":10}`, picturetest.FlatWebP(300, 200, color.NRGBA{200, 100, 50, 255}))
	require.Equal(t, "jpeg", m.Format)
	require.Equal(t, image.Pt(10, 7), m.size())
	near(t, color.RGBA{200, 100, 50, 255}, m, 5, 3)

	m = makeImage(t, "image.resize", `{"width":10}`, picturetest.FlatWebP(300, 200, color.NRGBA{200, 100, 50, 128}))
	require.Equal(t, "png", m.Format)
	requireNear(t, color.NRGBA{200, 100, 50, 128}, m, 5, 3, 3)

	require.Equal(t, "png", makeImage(t, "image.resize", `{"width":10}`, picturetest.AlphaWebP).Format)
	require.Equal(t, "jpeg", makeImage(t, "image.resize", `{"width":10}`, picturetest.LossyWebP).Format)
}

func TestImageResize_of_what_is_transparent(t *testing.T) {
	half := image.NewNRGBA(image.Rect(0, 0, 80, 80)) // black where one cannot see it
	draw.Draw(half, image.Rect(0, 0, 40, 80), image.NewUniform(picturetest.Red), image.Point{}, draw.Src)
	file := picturetest.PNG(half)
	t.Run("stays so in a PNG", func(t *testing.T) {
		m := makeImage(t, "image.resize", `{"width":20}`, file)
		near(t, color.Transparent, m, 15, 10)
		near(t, picturetest.Red, m, 4, 10)
		r, _, _, a := m.At(9, 10).RGBA()
		require.InDelta(t, 204./255, float64(r)/float64(a), 0.05, "the edge does not become dark")
	})
	t.Run("stays so in a GIF", func(t *testing.T) {
		m := makeImage(t, "image.resize", `{"width":20,"format":"gif"}`, file)
		_, _, _, a := m.At(15, 10).RGBA()
		require.Zero(t, a)
		near(t, picturetest.Red, m, 4, 10)
	})
	t.Run("is white in a JPEG", func(t *testing.T) {
		m := makeImage(t, "image.resize", `{"width":20,"format":"jpeg"}`, file)
		near(t, color.White, m, 16, 10)
		near(t, picturetest.Red, m, 2, 10)
	})
	t.Run("is what a GIF leaves out around its frame", func(t *testing.T) {
		frame := paletted(picturetest.Quarters(20, 20))
		frame.Rect = frame.Rect.Add(image.Pt(10, 10))
		m := makeImage(t, "image.resize", `{"width":20}`, picturetest.GIF(image.Pt(40, 40), frame))
		_, _, _, a := m.At(1, 1).RGBA()
		require.Zero(t, a)
		near(t, picturetest.Red, m, 7, 7)
		near(t, picturetest.Yellow, m, 12, 12)
	})
}

func TestImageResize_applies_the_orientation_and_drops_it(t *testing.T) {
	for orientation := 1; orientation <= 8; orientation++ {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			t.Run(fmt.Sprint(orientation, order), func(t *testing.T) {
				file := picturetest.Oriented(picturetest.Quarters(80, 48), orientation, order)
				for with, want := range map[string]image.Point{
					`{"width":40,"format":"png"}`:                             image.Pt(40, 24),
					`{"width":10,"format":"png"}`:                             image.Pt(10, 6),
					`{"width":8,"height":24,"fit":"cover","format":"png"}`:    image.Pt(8, 24),
					`{"width":12,"height":40,"fit":"stretch","format":"png"}`: image.Pt(12, 40),
				} {
					m := makeImage(t, "image.resize", with, file)
					require.Equal(t, want, m.size())
					require.Equal(t, orientation, m.From.Orientation)
					quarters(t, m)
				}
			})
		}
	}
}

func TestImageResize_copies_no_metadata(t *testing.T) {
	file := picturetest.WithEXIF(picturetest.JPEG(picturetest.Quarters(80, 48)), 1, binary.LittleEndian)
	require.Contains(t, string(file), "SecretBay")
	for _, with := range []string{`{"width":40}`, `{"width":80}`} {
		out, err := run(t, "image.resize", with, ops.Input{Body: file})
		require.NoError(t, err)
		require.NotContains(t, string(out.Body), "SecretBay")
		require.NotContains(t, string(out.Body), "Exif")
	}
}

func TestImageResize_quality_changes_the_size_of_the_file(t *testing.T) {
	file := picturetest.PNG(picturetest.Photo(200, 200))
	poor := makeImage(t, "image.resize", `{"width":100,"format":"jpeg","quality":10}`, file)
	good := makeImage(t, "image.resize", `{"width":100,"format":"jpeg","quality":95}`, file)
	require.Less(t, 3*poor.Bytes, good.Bytes)
}
