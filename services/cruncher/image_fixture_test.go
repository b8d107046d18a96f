package cruncher_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher/picture/picturetest"
)

// made is what an operation has made of an image.
type made struct {
	Format        string
	Width, Height int
	Bytes         int
	From          struct {
		Format        string
		Width, Height int
		Bytes         int
		Frames        int
		Orientation   int
	}
	image.Image `json:"-"`
}

func (m made) size() image.Point { return image.Pt(m.Width, m.Height) }

// makeImage runs an operation and decodes what it has made, which must be what its value says.
func makeImage(t testing.TB, op, with string, file []byte) made {
	t.Helper()
	out, err := run(t, op, with, ops.Input{Body: file})
	require.NoError(t, err)
	return readImage(t, out)
}

func readImage(t testing.TB, out ops.Output) made {
	t.Helper()
	var m made
	require.NoError(t, json.Unmarshal(out.Value, &m))
	require.Len(t, out.Body, m.Bytes)
	var format string
	var err error
	m.Image, format, err = image.Decode(bytes.NewReader(out.Body))
	require.NoError(t, err)
	require.Equal(t, m.Format, format)
	require.Equal(t, image.Rect(0, 0, m.Width, m.Height), m.Bounds())
	return m
}

// near checks a pixel, with some room for what JPEG and palettes do.
func near(t testing.TB, want color.Color, m image.Image, x, y int) {
	t.Helper()
	requireNear(t, want, m, x, y, 24)
}

func requireNear(t testing.TB, want color.Color, m image.Image, x, y, room int) {
	t.Helper()
	r, g, b, a := m.At(x, y).RGBA()
	wr, wg, wb, wa := want.RGBA()
	for _, c := range [][2]uint32{{r, wr}, {g, wg}, {b, wb}, {a, wa}} {
		require.InDelta(t, float64(c[1]>>8), float64(c[0]>>8), float64(room), "pixel (%d, %d) is %v and not %v", x, y, m.At(x, y), want)
	}
}

// quarters checks that the quarters are where they belong.
func quarters(t testing.TB, m image.Image) {
	t.Helper()
	b := m.Bounds()
	near(t, picturetest.Red, m, b.Dx()/4, b.Dy()/4)
	near(t, picturetest.Green, m, b.Dx()*3/4, b.Dy()/4)
	near(t, picturetest.Blue, m, b.Dx()/4, b.Dy()*3/4)
	near(t, picturetest.Yellow, m, b.Dx()*3/4, b.Dy()*3/4)
}

func paletted(m image.Image) *image.Paletted {
	p := image.NewPaletted(m.Bounds(), palette.WebSafe)
	draw.Draw(p, p.Rect, m, m.Bounds().Min, draw.Src)
	return p
}

// deep is a PNG with 16 bits for each channel.
func deep(m image.Image) []byte {
	d := image.NewNRGBA64(m.Bounds())
	draw.Draw(d, d.Rect, m, m.Bounds().Min, draw.Src)
	d.SetNRGBA64(0, 0, color.NRGBA64{1, 2, 3, 0xfffe}) // so that the encoder keeps the opacity
	return picturetest.PNG(d)
}
