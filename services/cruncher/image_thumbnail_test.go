package cruncher_test

import (
	"image"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/services/cruncher/picture/picturetest"
)

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
