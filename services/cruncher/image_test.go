package cruncher_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"image"
	"image/color"
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
