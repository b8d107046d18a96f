package picture

import "image"

// Orient turns and mirrors an image so that it is upright, as an orientation of EXIF says. It makes a new image unless nothing is to be done.
func Orient(m *image.RGBA, orientation int) *image.RGBA {
	if orientation < 2 || orientation > 8 {
		return m
	}
	w, h := m.Rect.Dx(), m.Rect.Dy()
	size := image.Pt(w, h)
	if orientation >= 5 {
		size = image.Pt(h, w)
	}
	out := image.NewRGBA(image.Rectangle{Max: size})
	for y := range h {
		row := m.Pix[y*m.Stride:][:4*w]
		for x := range w {
			var to image.Point
			switch orientation {
			case 2: // mirrored
				to = image.Pt(w-1-x, y)
			case 3: // upside down
				to = image.Pt(w-1-x, h-1-y)
			case 4: // upside down and mirrored
				to = image.Pt(x, h-1-y)
			case 5: // on its side and mirrored
				to = image.Pt(y, x)
			case 6: // its top is on the right hand
				to = image.Pt(h-1-y, x)
			case 7:
				to = image.Pt(h-1-y, w-1-x)
			case 8: // its top is on the left hand
				to = image.Pt(y, w-1-x)
			}
			copy(out.Pix[to.Y*out.Stride+4*to.X:][:4], row[4*x:4*x+4])
		}
	}
	return out
}
