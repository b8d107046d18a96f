package picture

import (
	"image"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShrinkPlane_is_the_mean_of_each_box(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ w, h, kx, ky int }{
		{1, 1, 1, 1}, {7, 5, 2, 3}, {64, 64, 4, 4}, {65, 63, 7, 1}, {100, 1000, 33, 600}, {9, 2000, 1, 2000}, {1000, 3, 999, 2},
	} {
		in := image.NewGray(image.Rect(0, 0, c.w, c.h))
		for i := range in.Pix {
			in.Pix[i] = uint8(random.Uint32() | 0xc0) // high, so that what overflows is seen
		}
		got, err := shrink(t.Context(), in, c.kx, c.ky)
		require.NoError(t, err)
		for y := range got.Bounds().Dy() {
			for x := range got.Bounds().Dx() {
				sum, n := 0, 0
				for v := y * c.ky; v < min(c.h, (y+1)*c.ky); v++ {
					for u := x * c.kx; u < min(c.w, (x+1)*c.kx); u++ {
						sum, n = sum+int(in.GrayAt(u, v).Y), n+1
					}
				}
				r, _, _, _ := got.At(x, y).RGBA()
				require.Equal(t, (sum+n/2)/n, int(r>>8), "%v at (%d, %d)", c, x, y)
			}
		}
	}
}
