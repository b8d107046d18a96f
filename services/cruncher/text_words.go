package cruncher

import "unicode"

// splitter finds the words of a text, one character after the other. A word is a run of letters, digits and the marks that belong to
// them; an apostrophe between two of them is part of it, so "don't" is one word and "well-known" two. A Han or Hiragana character is a
// word by itself, because these scripts have no spaces. This is the default rule of Unicode (UAX #29, WB5 to WB13) without its finer points.
type splitter struct {
	word    []rune // characters of the word under way, at most keep of them
	before  []rune // of the word before it
	length  int    // all characters of it; 0 between words
	keep    int
	pending rune // an apostrophe that belongs to the word if a letter follows
	single  bool // the word under way is complete
}

// feed takes the next character. It tells whether that ended a word, and then how many characters it had; its first ones are in done.
func (s *splitter) feed(r rune) (done []rune, length int) {
	switch kindOf(r) {
	case letterRune:
		if s.single {
			done, length = s.end()
		}
		if s.length > 0 && s.pending != 0 {
			s.add(s.pending)
		}
		s.pending = 0
		s.add(r)
	case markRune:
		if s.length > 0 && s.pending == 0 {
			s.add(r)
			return nil, 0
		}
		return s.end()
	case singleRune:
		done, length = s.end()
		s.add(r)
		s.single = true
	case joinRune:
		if s.length > 0 && s.pending == 0 && !s.single {
			s.pending = r
			return nil, 0
		}
		return s.end()
	default:
		return s.end()
	}
	return done, length
}

// end ends the word under way, if there is one. What it returns is good until the next word ends.
func (s *splitter) end() (done []rune, length int) {
	done, length = s.word, s.length
	s.word, s.before = s.before[:0], s.word
	s.length, s.pending, s.single = 0, 0, false
	return done, length
}

func (s *splitter) add(r rune) {
	s.length++
	if len(s.word) < s.keep {
		s.word = append(s.word, r)
	}
}

type runeKind int

const (
	otherRune  runeKind = iota
	letterRune          // or a digit
	markRune            // belongs to the letter before
	singleRune          // a word by itself
	joinRune            // part of a word between two letters
)

func kindOf(r rune) runeKind {
	if r < 0x80 {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_':
			return letterRune
		case r == '\'':
			return joinRune
		}
		return otherRune
	}
	switch {
	case r == '’':
		return joinRune
	case unicode.In(r, unicode.Han, unicode.Hiragana) && !unicode.IsMark(r):
		if unicode.IsPunct(r) {
			return otherRune
		}
		return singleRune
	case unicode.IsLetter(r), unicode.IsNumber(r):
		return letterRune
	case unicode.IsMark(r), r == 0x200D, r == 0x200C: // and the joiners that shape letters
		return markRune
	}
	return otherRune
}
