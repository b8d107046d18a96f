package files

import (
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNameBytes is how long a name of SafeName is at most, which leaves room for what a template puts around it.
const maxNameBytes = 200

// SafeName makes a file name of any text: one path element of at most 200 bytes of UTF-8 without separators, control or invisible
// characters, neither hidden (a dot in front) nor like an option (a dash in front), never empty. The end of the name, with its
// extension, survives a cut. Different texts can have the same name. A name that it has made stays as it is.
func SafeName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, !unicode.IsPrint(r), strings.ContainsRune(`/\:*?"<>|`, r):
			return '_'
		}
		return r
	}, s)
	s = cut(s)
	s = strings.Trim(s, ". ")
	if strings.HasPrefix(s, "-") {
		s = "_" + s[1:]
	}
	if s == "" {
		return "file"
	}
	return s
}

// cut shortens a name in front of its extension.
func cut(s string) string {
	if len(s) <= maxNameBytes {
		return s
	}
	const longest = 16 // more is no extension
	ext := path.Ext(s)
	if len(ext) > longest {
		ext = ""
	}
	end := maxNameBytes - len(ext)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ext
}

// URLName makes a file name of the last part of a URL's path; "index" if that is empty.
func URLName(u *url.URL) string {
	last := u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	if last == "" {
		return "index"
	}
	return SafeName(last)
}
