package queries

import (
	"errors"
	"strings"
)

var errOpen = errors.New("a quote or comment is opened and not closed")

// token returns the length of the token at r.at, and false if it is a quoted text or a comment, in which nothing is replaced.
func (r *rewriter) token() (length int, isText bool, err error) {
	rest := r.text[r.at:]
	switch c := rest[0]; {
	case c == '\'':
		length, err = quoted(rest, c, r.backslash || r.dollar && r.escaped())
		return length, false, err
	case c == '"':
		length, err = quoted(rest, c, r.backslash)
		return length, false, err
	case c == '`' && !r.dollar:
		length, err = quoted(rest, c, false)
		return length, false, err
	case c == '[' && r.brackets:
		length = strings.IndexByte(rest, ']') + 1
		return orOpen(length)
	case c == '#' && r.hash, strings.HasPrefix(rest, "--") && r.dashes(rest):
		if length = strings.IndexByte(rest, '\n') + 1; length == 0 {
			length = len(rest)
		}
		return length, false, nil
	case strings.HasPrefix(rest, "/*"):
		return orOpen(comment(rest, r.nested))
	case c == '$' && r.dollar:
		if length, ok := dollarQuoted(rest); ok {
			return orOpen(length)
		}
		return 1, true, nil
	case strings.HasPrefix(rest, "::"):
		return 2, true, nil
	case c == ':' && len(rest) > 1 && isLetter(rest[1]):
		return 1 + name(rest[1:]), true, nil
	case isLetter(c) || isDigit(c):
		return word(rest), true, nil
	default:
		return 1, true, nil
	}
}

func orOpen(length int) (n int, isText bool, err error) {
	if length == 0 {
		return 0, false, errOpen
	}
	return length, false, nil
}

// escaped tells whether a quote begins after E, as in E'\n'.
func (r *rewriter) escaped() bool {
	if r.at == 0 || r.text[r.at-1] != 'e' && r.text[r.at-1] != 'E' {
		return false
	}
	return r.at == 1 || !isWord(r.text[r.at-2])
}

// dashes tells whether -- begins a comment. In MySQL a space must follow, or 5--3 would lose its end.
func (r *rewriter) dashes(rest string) bool {
	return !r.hash || len(rest) == 2 || rest[2] <= ' '
}

// quoted is the length of a text in quotes; a doubled quote stands for itself.
func quoted(s string, quote byte, backslash bool) (int, error) {
	for i := 1; i < len(s); i++ {
		switch {
		case backslash && s[i] == '\\':
			i++
		case s[i] != quote:
		case i+1 < len(s) && s[i+1] == quote:
			i++
		default:
			return i + 1, nil
		}
	}
	return 0, errOpen
}

// comment is the length of a comment, 0 if it is open.
func comment(s string, nested bool) int {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch {
		case s[i] == '/' && s[i+1] == '*' && (nested || depth == 0):
			depth++
			i++
		case s[i] == '*' && s[i+1] == '/':
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// dollarQuoted is the length of $tag$text$tag$, 0 if it is open; false if s does not begin so.
func dollarQuoted(s string) (int, bool) {
	end := 1
	for end < len(s) && isWord(s[end]) && s[end] != '$' {
		end++
	}
	if end == len(s) || s[end] != '$' || isDigit(s[1]) {
		return 0, false
	}
	tag := s[:end+1]
	i := strings.Index(s[len(tag):], tag)
	if i < 0 {
		return 0, true
	}
	return len(tag) + i + len(tag), true
}

func word(s string) int {
	n := 0
	for n < len(s) && isWord(s[n]) {
		n++
	}
	return n
}

// name is the length of the name of a parameter.
func name(s string) int {
	n := 0
	for n < len(s) && (isLetter(s[n]) || isDigit(s[n])) {
		n++
	}
	return n
}

// Bytes beyond ASCII are letters in SQL.
func isLetter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// A name can have a dollar inside in PostgreSQL and MySQL.
func isWord(c byte) bool { return isLetter(c) || isDigit(c) || c == '$' }
