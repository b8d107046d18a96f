package cruncher_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"io"
	"runtime"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher/picture"
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

func TestImageInfo_tells_what_the_header_says(t *testing.T) {
	q := picturetest.Quarters(60, 40)
	gray := image.NewGray(image.Rect(0, 0, 9, 7))
	frame := paletted(q)
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"jpeg":         {picturetest.JPEG(q), `"jpeg","width":60,"height":40,"color":"rgb","depth":8`},
		"jpeg, gray":   {picturetest.JPEG(gray), `"jpeg","width":9,"height":7,"color":"gray","depth":8`},
		"jpeg, cmyk":   {picturetest.FlatJPEG(9, 7, 4, false, true), `"jpeg","width":9,"height":7,"color":"cmyk","depth":8`},
		"jpeg, turned": {picturetest.Oriented(q, 6, binary.BigEndian), `"jpeg","width":40,"height":60,"color":"rgb","depth":8,"orientation":6`},
		"png":          {picturetest.PNG(q), `"png","width":60,"height":40,"color":"rgb","depth":8`},
		"png, 16 bits": {deep(q), `"png","width":60,"height":40,"color":"rgba","depth":16`},
		"png, palette": {picturetest.PNG(frame), `"png","width":60,"height":40,"color":"palette","depth":8`},
		"png, gray":    {picturetest.InterlacedPNG(gray), `"png","width":9,"height":7,"color":"gray","depth":8`},
		"png, no more": {picturetest.PNGHeader(60000, 60000), `"png","width":60000,"height":60000,"color":"rgba","depth":8`},
		"gif":          {picturetest.GIF(image.Pt(70, 50), frame), `"gif","width":70,"height":50,"color":"palette","depth":8,"frames":1`},
		"gif, frames":  {picturetest.GIF(image.Pt(60, 40), frame, frame, frame), `"gif","width":60,"height":40,"color":"palette","depth":8,"frames":3`},
		"webp":         {picturetest.LossyWebP, `"webp","width":1,"height":1,"color":"rgb","depth":8`},
		"webp, large":  {picturetest.FlatWebP(16384, 16384, color.NRGBA{}), `"webp","width":16384,"height":16384,"color":"rgba","depth":8`},
		"webp, alpha":  {picturetest.AlphaWebP, `"webp","width":1,"height":1,"color":"rgba","depth":8`},
		"webp, frames": {picturetest.AnimatedWebP, `"webp","width":1,"height":1,"color":"rgba","depth":8,"frames":1`},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := run(t, "image.info", ``, ops.Input{Body: c.file})
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf(`{"format":%s,"bytes":%d}`, c.want, len(c.file)), string(out.Value))
			require.Nil(t, out.Body)
		})
	}
}

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

func TestImageThumbnail_fits_into_a_square(t *testing.T) {
	file := picturetest.JPEG(picturetest.Quarters(900, 600))
	for with, want := range map[string]image.Point{
		``: image.Pt(200, 133), `{"size":64}`: image.Pt(64, 43), `{"size":64,"fit":"cover"}`: image.Pt(64, 64), `{"size":1000}`: image.Pt(900, 600),
	} {
		m := makeImage(t, "image.thumbnail", with, file)
		require.Equal(t, want, m.size())
		require.Equal(t, "jpeg", m.Format)
		quarters(t, m)
	}
}

func TestImages_are_refused_when_they_cannot_be_read(t *testing.T) {
	q := picturetest.Quarters(60, 40)
	jpg, png, gif := picturetest.JPEG(q), picturetest.PNG(q), picturetest.GIF(image.Pt(60, 40), paletted(q))
	noSize := picturetest.GIF(image.Pt(60, 40), paletted(q))
	clear(noSize[6:10])
	for name, c := range map[string]struct {
		file         []byte
		infoRefuses  bool
		infoAndOther string
	}{
		"nothing":           {nil, true, "there is no image"},
		"a page":            {[]byte("<html><body>Not found"), true, "this is no JPEG, PNG, GIF or WebP image but text/html"},
		"half a JPEG":       {jpg[:len(jpg)-20], false, "the jpeg image cannot be decoded: invalid JPEG format: short Huffman data"},
		"half a PNG":        {png[:len(png)/2], false, "the png image cannot be decoded: png: invalid format: not enough pixel data"},
		"half a GIF":        {gif[:len(gif)-20], false, "the gif image cannot be decoded: gif: not enough image data"},
		"half a WebP":       {picturetest.LossyWebP[:40], false, "the webp image"},
		"a start of a JPEG": {jpg[:3], true, "the jpeg image is cut off"},
		"a start of a PNG":  {png[:12], true, "the png image is cut off"},
		"a start of a GIF":  {gif[:8], true, "the gif image cannot be decoded: gif: reading header: unexpected EOF"},
		"a start of a WebP": {picturetest.LossyWebP[:14], true, "the webp image"},
		"a JPEG of nothing": {picturetest.FlatJPEG(0, 0, 3, false, true), true, "there is nothing in it"},
		"a PNG of nothing":  {picturetest.PNGHeader(0, 5), true, "the png image cannot be decoded"},
		"a GIF of nothing":  {noSize, true, "there is nothing in it"},
		"an animated WebP":  {picturetest.AnimatedWebP, false, "an animated WebP image cannot be decoded"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, "image.info", ``, ops.Input{Body: c.file})
			if c.infoRefuses {
				require.ErrorContains(t, err, c.infoAndOther)
				require.Equal(t, events.ReasonComputation, reason(err))
			} else {
				require.NoError(t, err)
			}
			for _, op := range []string{"image.resize", "image.thumbnail"} {
				_, err = run(t, op, map[string]string{"image.resize": `{"width":10}`}[op], ops.Input{Body: c.file})
				require.ErrorContains(t, err, c.infoAndOther)
				require.Equal(t, events.ReasonComputation, reason(err))
				require.False(t, ops.AsFailure(err).Temporary)
			}
		})
	}
}

func TestImages_that_are_too_large_cost_nothing(t *testing.T) {
	tall := picturetest.FlatJPEG(1, 60000, 1, false, true)
	small := picturetest.PNG(picturetest.Quarters(60, 40))
	for name, c := range map[string]struct {
		with string
		file []byte
		want string
	}{
		"a PNG of some bytes":        {`{"width":10}`, picturetest.PNGHeader(60000, 60000), "60000 × 60000 pixels"},
		"a JPEG of some bytes":       {`{"width":10}`, picturetest.FlatJPEG(60000, 60000, 3, false, false), "60000 × 60000 pixels"},
		"a WebP of some bytes":       {`{"width":10}`, picturetest.FlatWebP(16000, 16000, color.NRGBA{}), "16000 × 16000 pixels"},
		"more than was allowed":      {`{"width":10,"max_pixels":2399}`, small, "at most 2399 are decoded"},
		"coefficients of a JPEG":     {`{"width":10}`, picturetest.FlatJPEG(7000, 7000, 3, true, false), "MB of memory"},
		"a result on a side":         {`{"width":2000,"upscale":true}`, tall, "65535 on a side"},
		"a result":                   {`{"width":10000,"height":10000,"upscale":true,"fit":"stretch"}`, small, "10000 × 10000 pixels"},
		"more than was allowed made": {`{"width":100,"upscale":true,"max_pixels":2400}`, small, "at most 2400 are made"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := run(t, "image.resize", c.with, ops.Input{Body: c.file})
			runtime.ReadMemStats(&after)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, events.ReasonTooLarge, reason(err))
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
		})
	}
}

func TestImages_refuse_bad_arguments(t *testing.T) {
	file := picturetest.PNG(picturetest.Quarters(60, 40))
	for _, c := range []struct {
		op, with string
		reason   events.Reason
		want     string
	}{
		{"image.info", `{"width":1}`, events.ReasonInvalidParameter, "unknown field"},
		{"image.resize", ``, events.ReasonMissingParameter, `needs the argument "width", "height" or both`},
		{"image.resize", `{"width":-1}`, events.ReasonInvalidParameter, "use numbers from 1"},
		{"image.resize", `{"height":70000}`, events.ReasonInvalidParameter, "use numbers from 1 to 65535"},
		{"image.resize", `{"width":1,"fit":"fill"}`, events.ReasonInvalidParameter, "use contain, cover or stretch"},
		{"image.resize", `{"width":1,"format":"webp"}`, events.ReasonInvalidParameter, "WebP can only be read"},
		{"image.resize", `{"width":1,"filter":"lanczos"}`, events.ReasonInvalidParameter, "use catmullrom"},
		{"image.resize", `{"width":1,"quality":0}`, events.ReasonInvalidParameter, "use a number from 1 to 100"},
		{"image.resize", `{"width":1,"max_pixels":100000001}`, events.ReasonInvalidParameter, "use a number from 1 to 100000000"},
		{"image.resize", `{"width":"1"}`, events.ReasonInvalidParameter, "width"},
		{"image.thumbnail", `{"size":0}`, events.ReasonInvalidParameter, "use a number from 1 to 4096"},
		{"image.thumbnail", `{"fit":"stretch"}`, events.ReasonInvalidParameter, "contain or cover"},
		{"image.thumbnail", `{"filter":"nearest"}`, events.ReasonInvalidParameter, "unknown field"},
	} {
		_, err := run(t, c.op, c.with, ops.Input{Body: file})
		require.ErrorContains(t, err, c.want)
		require.Equal(t, c.reason, reason(err), c.with)
	}
}

func TestImages_are_read_from_the_store(t *testing.T) {
	file := picturetest.PNG(picturetest.Quarters(60, 40))
	in := func(bytes int64, r io.Reader) ops.Input {
		return ops.Input{
			BodyRef: &events.BodyRef{Object: "o", Bytes: bytes},
			Stored:  func(context.Context, events.BodyRef) (io.ReadCloser, error) { return io.NopCloser(r), nil },
		}
	}
	out, err := run(t, "image.thumbnail", `{"size":30}`, in(int64(len(file)), iotest.OneByteReader(bytes.NewReader(file))))
	require.NoError(t, err)
	quarters(t, readImage(t, out))

	_, err = run(t, "image.info", ``, in(picture.MaxBytes+1, nil))
	require.Equal(t, events.ReasonTooLarge, reason(err))

	_, err = run(t, "image.info", ``, in(10, iotest.ErrReader(errors.New("gone"))))
	require.Equal(t, events.ReasonStorage, reason(err))
	require.True(t, ops.AsFailure(err).Temporary)
}

func TestImages_can_be_made_in_parallel(t *testing.T) {
	file := picturetest.JPEG(picturetest.Quarters(400, 300))
	outs := make([]ops.Output, 4)
	var wg sync.WaitGroup
	for i := range outs {
		wg.Go(func() {
			var err error
			if outs[i], err = run(t, "image.thumbnail", `{"size":40}`, ops.Input{Body: file}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, out := range outs {
		quarters(t, readImage(t, out))
	}
}

// The seeds are all made here. Images are small, so that what is slow is not what is found.
func FuzzImages(f *testing.F) {
	q := picturetest.Quarters(20, 12)
	frame := paletted(q)
	for _, file := range [][]byte{
		picturetest.JPEG(q), picturetest.Oriented(q, 7, binary.LittleEndian), picturetest.FlatJPEG(20, 12, 4, false, true),
		picturetest.FlatJPEG(20, 12, 3, true, true), picturetest.FlatJPEG(20, 12, 1, false, true), picturetest.PNG(q), picturetest.PNG(frame), deep(q),
		picturetest.PNGHeader(20, 12), picturetest.InterlacedPNG(image.NewGray(q.Rect)), picturetest.GIF(image.Pt(20, 12), frame),
		picturetest.GIF(image.Pt(30, 30), frame, frame), picturetest.FlatWebP(20, 12, color.NRGBA{1, 2, 3, 4}),
		picturetest.LossyWebP, picturetest.AlphaWebP, picturetest.AnimatedWebP,
	} {
		f.Add(file, uint16(8), uint16(0), uint8(0))
		f.Add(file, uint16(9), uint16(31), uint8(0xff))
	}
	f.Fuzz(func(t *testing.T, file []byte, width, height uint16, choice uint8) {
		args := map[string]any{
			"width": max(1, width%2000), "height": height % 2000, "max_pixels": 1 << 16, "upscale": choice&1 == 0,
			"fit":    []string{"contain", "cover", "stretch", "contain"}[choice>>1&3],
			"filter": []string{"catmullrom", "bilinear", "approxbilinear", "nearest"}[choice>>3&3],
		}
		if format := []string{"", "jpeg", "png", "gif"}[choice>>5&3]; format != "" {
			args["format"] = format
		}
		with, err := json.Marshal(args)
		if err != nil {
			t.Fatal(err)
		}
		_, infoErr := run(t, "image.info", ``, ops.Input{Body: file})
		out, err := run(t, "image.resize", string(with), ops.Input{Body: file})
		if err != nil {
			if r := reason(err); r != events.ReasonComputation && r != events.ReasonTooLarge {
				t.Fatalf("%s: %v", r, err)
			}
			return
		}
		if infoErr != nil {
			t.Fatalf("what was resized has no information: %v", infoErr)
		}
		readImage(t, out)
	})
}
