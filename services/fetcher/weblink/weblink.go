// Package weblink reads the header Link of HTTP (RFC 8288), in which a paginated API tells where the next page is.
package weblink

import (
	"slices"
	"strings"
)

// Bounds of what is read. A server that needs more has something else in mind.
const (
	maxBytes = 64 << 10 // of all fields together
	maxLinks = 100
)

// Link is one link.
type Link struct {
	Target string   // as written: absolute, or relative to the page
	Rels   []string // relation types, in lower case
	Anchor string   // what the link leads from, if not from the page
}

// Find returns the target of the first link from the page itself that has a relation type, such as "next".
func Find(fields []string, rel string) (target string, ok bool) {
	for _, l := range Parse(fields) {
		if l.Anchor == "" && slices.Contains(l.Rels, rel) {
			return l.Target, true
		}
	}
	return "", false
}

// Parse reads the values of all fields Link of a header. It goes by the algorithm of RFC 8288 appendix B.2, which is lenient: what cannot be
// read ends its field, and what was read before it counts.
func Parse(fields []string) []Link {
	var links []Link
	left := maxBytes
	for _, field := range fields {
		if left -= len(field); left < 0 {
			return links
		}
		r := reader{field}
		for len(links) < maxLinks {
			l, ok := r.link()
			if !ok {
				break
			}
			links = append(links, l)
		}
	}
	return links
}

// reader takes a field apart from its beginning.
type reader struct{ left string }

// link reads one link-value and the comma after it.
func (r *reader) link() (Link, bool) {
	r.trim(" \t,")
	if !r.take('<') {
		return Link{}, false
	}
	target, rest, closed := strings.Cut(r.left, ">") // a comma or semicolon before it belongs to the URL
	if !closed {
		return Link{}, false
	}
	l := Link{Target: strings.TrimSpace(target)}
	r.left = rest
	for seen := (map[string]bool{}); ; {
		r.trim(" \t")
		if !r.take(';') {
			break
		}
		name, value := r.param()
		if seen[name] { // RFC 8288 sections 3.2 and 3.3: the first counts
			continue
		}
		seen[name] = true
		switch name {
		case "rel":
			l.Rels = strings.Fields(strings.ToLower(value))
		case "anchor":
			l.Anchor = value
		}
	}
	return l, true
}

// param reads a parameter with or without a value. Its name is returned in lower case.
func (r *reader) param() (name, value string) {
	r.trim(" \t")
	name = strings.ToLower(r.until("=;, \t"))
	r.trim(" \t")
	if !r.take('=') {
		return name, ""
	}
	r.trim(" \t")
	if r.take('"') {
		return name, r.quoted()
	}
	return name, r.until(";, \t")
}

// quoted reads the rest of a quoted string. One that is not closed goes to the end.
func (r *reader) quoted() string {
	var b strings.Builder
	for i := 0; i < len(r.left); i++ {
		switch c := r.left[i]; {
		case c == '"':
			r.left = r.left[i+1:]
			return b.String()
		case c == '\\' && i+1 < len(r.left):
			i++
			b.WriteByte(r.left[i])
		default:
			b.WriteByte(c)
		}
	}
	r.left = ""
	return b.String()
}

func (r *reader) until(stops string) string {
	end := strings.IndexAny(r.left, stops)
	if end < 0 {
		end = len(r.left)
	}
	text := r.left[:end]
	r.left = r.left[end:]
	return text
}

func (r *reader) trim(cutset string) { r.left = strings.TrimLeft(r.left, cutset) }

func (r *reader) take(c byte) bool {
	if r.left == "" || r.left[0] != c {
		return false
	}
	r.left = r.left[1:]
	return true
}
