package postgres

import (
	"strings"
)

// PostgreSQL's text cannot hold the character U+0000, which keys and errors may have. It is written as two characters that begin with one
// that means nothing in Unicode (a noncharacter), and so is that one.
const (
	mark    = "\uFFFE"
	markNul = mark + "0"
	marked  = mark + mark
)

var (
	toText   = strings.NewReplacer("\x00", markNul, mark, marked)
	fromText = strings.NewReplacer(markNul, "\x00", marked, mark)
)

// encode makes of any valid UTF-8 what PostgreSQL can store.
func encode(s string) string {
	if strings.IndexByte(s, 0) < 0 && !strings.Contains(s, mark) {
		return s
	}
	return toText.Replace(s)
}

// decode turns encode round.
func decode(s string) string {
	if !strings.Contains(s, mark) {
		return s
	}
	return fromText.Replace(s)
}
