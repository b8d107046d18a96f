package outlet

import "unicode"

// printable takes control characters out of texts that come from elsewhere.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}
