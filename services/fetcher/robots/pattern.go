package robots

import "strings"

// pattern is the path of a rule: "*" stands for any characters, "$" at its end for the end of the URL.
type pattern struct {
	parts  []string // what stands between the asterisks, at least one
	end    bool     // the URL must end with it
	length int      // octets, which decide between rules
}

func newPattern(s string) pattern {
	var p pattern
	s, p.end = strings.CutSuffix(s, "$")
	for _, part := range strings.Split(s, "*") {
		part = normalise(part)
		p.length += len(part)
		if len(p.parts) > 1 && part == "" && p.parts[len(p.parts)-1] == "" {
			continue // ** is *
		}
		p.parts = append(p.parts, part)
	}
	p.length += strings.Count(s, "*")
	if p.end {
		p.length++
	}
	return p
}

// matches takes each part at the first place where it can be, which leaves the most to those behind it. So the time is linear
// in the length of both.
func (p *pattern) matches(path string) bool {
	first, rest := p.parts[0], p.parts[1:]
	path, ok := strings.CutPrefix(path, first)
	if !ok {
		return false
	}
	if len(rest) == 0 {
		return !p.end || path == ""
	}
	last := rest[len(rest)-1]
	for _, part := range rest[:len(rest)-1] {
		i := strings.Index(path, part)
		if i < 0 {
			return false
		}
		path = path[i+len(part):]
	}
	if p.end {
		return strings.HasSuffix(path, last)
	}
	return strings.Contains(path, last)
}

// normalise brings octets into the form in which they are compared (RFC 9309 section 2.2.2): percent-encoded where they are not
// ASCII or cannot stand in a URL, plain where they are unreserved, and else as they are. "*" and "$" that stand for
// themselves are encoded, as a rule has to write them, and so is a "%" that begins no encoding.
func normalise(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == '%' || r > '~' || !asIs(byte(r)) }) {
		return s
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) {
			if v, ok := octet(s[i+1], s[i+2]); ok {
				i += 2
				if unreserved(v) {
					b.WriteByte(v)
				} else {
					b.Write([]byte{'%', hex[v>>4], hex[v&15]})
				}
				continue
			}
		}
		if asIs(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

func octet(high, low byte) (v byte, ok bool) {
	h, ok1 := digit(high)
	l, ok2 := digit(low)
	return h<<4 | l, ok1 && ok2
}

func digit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	default:
		return 0, false
	}
}

// unreserved is RFC 3986 section 2.3.
func unreserved(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// asIs are the characters of a URL that need no encoding, apart from "*" and "$" (RFC 3986 sections 2.2 and 2.3).
func asIs(c byte) bool { return unreserved(c) || strings.IndexByte(":/?#[]@!&'()+,;=", c) >= 0 }
