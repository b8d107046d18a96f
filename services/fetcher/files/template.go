package files

import (
	"fmt"
	"mime"
	"path"
	"strconv"
	"strings"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Vars are what the places of a template stand for.
type Vars struct {
	Index       int64  // {n} is this plus 1: the place of an item in its batch, counted from 1
	ID          string // {id}: the item's id
	Name        string // {name}: from URLName or any other text; "" if there is none
	ContentType string // {ext} is made of it, or else of Name; "" if unknown
}

// Expand fills in the places of a template such as image{n}.{ext} and returns a path below a root, which Open and Create check. What is
// filled in is always safe and never adds a folder. {ext} has no dot and is "bin" if nothing tells it.
func Expand(template string, v Vars) (string, error) {
	var b strings.Builder
	rest := template
	for {
		text, after, found := strings.Cut(rest, "{")
		b.WriteString(text)
		if !found {
			return b.String(), nil
		}
		place, tail, closed := strings.Cut(after, "}")
		value, known := v.value(place)
		if !closed || !known {
			return "", ops.Fail(events.ReasonInvalidParameter, fmt.Errorf(
				"file name %.200q: after { comes one of n}, id}, name} and ext}, such as image{n}.{ext}", template))
		}
		b.WriteString(value)
		if b.Len() > maxPathBytes {
			return "", ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("file name %.200q becomes longer than %d bytes", template, maxPathBytes))
		}
		rest = tail
	}
}

func (v Vars) value(place string) (string, bool) {
	switch place {
	case "n":
		return strconv.FormatInt(v.Index+1, 10), true
	case "id":
		return SafeName(v.ID), true
	case "name":
		return SafeName(v.Name), true
	case "ext":
		return v.ext(), true
	default:
		return "", false
	}
}

// extensions are of types that people store. The table of the operating system differs from machine to machine, and so would names.
var extensions = map[string]string{
	"application/gzip": "gz", "application/json": "json", "application/pdf": "pdf", "application/xhtml+xml": "html", "application/xml": "xml",
	"application/zip": "zip", "application/rss+xml": "xml", "application/atom+xml": "xml", "application/ld+json": "json",
	"application/javascript": "js", "application/yaml": "yaml", "application/epub+zip": "epub",
	"audio/mpeg": "mp3", "audio/ogg": "ogg", "audio/wav": "wav",
	"font/woff": "woff", "font/woff2": "woff2",
	"image/avif": "avif", "image/bmp": "bmp", "image/gif": "gif", "image/jpeg": "jpg", "image/png": "png", "image/svg+xml": "svg",
	"image/tiff": "tif", "image/webp": "webp", "image/x-icon": "ico", "image/vnd.microsoft.icon": "ico",
	"text/css": "css", "text/csv": "csv", "text/html": "html", "text/javascript": "js", "text/markdown": "md", "text/xml": "xml",
	"video/mp4": "mp4", "video/mpeg": "mpg", "video/webm": "webm",
}

// ext is the extension that the content type has, or else the name. Plain text is what servers say of much that is something else.
func (v Vars) ext() string {
	media, _, err := mime.ParseMediaType(v.ContentType)
	if err == nil {
		if ext, ok := extensions[media]; ok {
			return ext
		}
	}
	if ext := strings.ToLower(strings.TrimPrefix(path.Ext(v.Name), ".")); plainExt(ext) {
		return ext
	}
	if err == nil && strings.HasPrefix(media, "text/") {
		return "txt"
	}
	return "bin"
}

func plainExt(s string) bool {
	if s == "" || len(s) > 8 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
