package cruncher_test

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher/picture/picturetest"
)

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
