package useragent

import (
	"bytes"
	"mime"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// sniffBytes is how much of a text is looked at to find out its charset when nothing says it.
const sniffBytes = 32 << 10

// text is what is known about the charset of a text.
type text struct {
	from encoding.Encoding // nil for UTF-8
	name string            // of from, as in https://encoding.spec.whatwg.org/#names-and-labels
	skip int               // bytes of the byte order mark, which UTF-8 does not need
	// valid says that all of the text was looked at, and is valid UTF-8.
	valid bool
}

// decoder makes UTF-8 of the text. What is not valid becomes U+FFFD.
func (t text) decoder() *encoding.Decoder {
	if t.from == nil {
		return unicode.UTF8.NewDecoder()
	}
	return t.from.NewDecoder()
}

// utf8 returns a whole text in UTF-8. One that is in UTF-8 already is returned as it is, and changed is false.
func (t text) utf8(whole []byte) (converted []byte, changed bool, err error) {
	if t.valid || t.from == nil && utf8.Valid(whole) || t.from != nil && t.extendsASCII() && isASCII(whole) {
		return whole, false, nil
	}
	converted, err = t.decoder().Bytes(whole[t.skip:])
	return converted, true, err
}

// extendsASCII says whether bytes below 0x80 mean the same as in ASCII when there are no others.
func (t text) extendsASCII() bool {
	return t.name != "iso-2022-jp" && !strings.HasPrefix(t.name, "utf-16")
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isText says whether a content type is one of texts whose charset matters. JSON is UTF-8 by definition (RFC 8259 section 8.1).
func isText(contentType string) bool {
	t := strings.ToLower(mediaType(contentType))
	return strings.HasPrefix(t, "text/") || isXML(t)
}

func isXML(mediaType string) bool {
	return mediaType == "application/xml" || mediaType == "text/xml" || strings.HasSuffix(mediaType, "+xml")
}

func mediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	return strings.TrimSpace(t)
}

// sniff finds out the charset of a text that begins with head, of which the first sniffBytes count: by its byte order mark, by its content type, by what it says itself
// (RFC 7303 section 3, HTML section 13.2.3.2), or else it is UTF-8 if it can be, and Windows-1252 if not, as browsers have it.
func sniff(head []byte, contentType string) text {
	cut := len(head) > sniffBytes
	head = head[:min(len(head), sniffBytes)]
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return text{}
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		return text{from: unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), name: "utf-16be", skip: 2}
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		return text{from: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), name: "utf-16le", skip: 2}
	}
	if t, ok := declared(contentType); ok {
		return t
	}
	switch media := strings.ToLower(mediaType(contentType)); {
	case isXML(media):
		if t, ok := xmlDeclared(head); ok {
			return t
		}
	case media == "text/html":
		if t, ok := xmlDeclared(head); ok {
			return t
		}
		if t, ok := metaDeclared(head); ok {
			return t
		}
	}
	if cut {
		head = head[:len(head)-partialRune(head)]
	}
	if utf8.Valid(head) {
		return text{valid: !cut}
	}
	return text{from: charmap.Windows1252, name: "windows-1252"}
}

// declared reads the parameter charset of a content type.
func declared(contentType string) (text, bool) {
	_, params, found := strings.Cut(contentType, ";")
	if !found {
		return text{}, false
	}
	if strings.EqualFold(strings.TrimSpace(params), "charset=utf-8") {
		return text{}, true
	}
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		return byLabel(params["charset"])
	}
	return text{}, false
}

// byLabel finds a charset by one of its names. Those that browsers refuse to decode count as unknown.
func byLabel(label string) (text, bool) {
	enc, err := htmlindex.Get(label)
	if label == "" || err != nil {
		return text{}, false
	}
	name, err := htmlindex.Name(enc)
	switch {
	case err != nil || name == "replacement":
		return text{}, false
	case name == "utf-8":
		return text{}, true
	}
	return text{from: enc, name: name}, true
}

var xmlDeclaration = regexp.MustCompile(`^<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']`)

func xmlDeclared(head []byte) (text, bool) {
	switch {
	case bytes.HasPrefix(head, []byte("\x00<\x00?")):
		return text{from: unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), name: "utf-16be"}, true
	case bytes.HasPrefix(head, []byte("<\x00?\x00")):
		return text{from: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), name: "utf-16le"}, true
	}
	m := xmlDeclaration.FindSubmatch(head[:min(len(head), 1024)])
	if m == nil {
		return text{}, false
	}
	t, ok := byLabel(string(m[1]))
	if strings.HasPrefix(t.name, "utf-16") {
		return text{}, true // it could be read as ASCII
	}
	return t, ok
}

// metaDeclared reads the element meta of a page. The function of x/net that does it does not tell whether it has found one, but what it
// takes for UTF-8 if it has not; so it is asked about the page with an end that is UTF-8, or not.
func metaDeclared(head []byte) (text, bool) {
	head = head[:min(len(head), 1000)]
	if !bytes.Contains(bytes.ToLower(head), []byte("charset")) {
		return text{}, false
	}
	head = head[:len(head)-partialRune(head)]
	guess := func(end string) string {
		_, name, _ := charset.DetermineEncoding(append(head[:len(head):len(head)], end...), "")
		return name
	}
	name := guess("\xff")
	if name == "windows-1252" && guess("é") != name {
		return text{}, false
	}
	return byLabel(name)
}

// partialRune is how many bytes at the end are the beginning of a rune.
func partialRune(b []byte) int {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-i:]) {
				return i
			}
			return 0
		}
	}
	return 0
}
