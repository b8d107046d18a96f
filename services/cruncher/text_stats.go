package cruncher

import (
	"bufio"
	"context"
	"errors"
	"io"
	"unicode"
	"unicode/utf8"

	"github.com/fetchmill/fetchmill/pkg/ops"
)

// TextStats returns the operation text.stats: it counts what is in a text, which is the body handed over by the step before or the
// value so far. It takes no arguments and reads the text as a stream, in constant memory. Value {"bytes", "characters", "words",
// "lines", "blank_lines", "sentences", "longest_line", "longest_word", "invalid"}.
//
// Characters are Unicode code points; what is not UTF-8 counts as one for each byte, and in invalid. Words are those of the operation
// words. A line ends with LF or CRLF, the last one with the text; its length is in characters. A sentence ends with one of . ! ? … and
// white space or the end of the text behind it, or with 。！？; so an abbreviation ends one too.
func TextStats() ops.Op {
	return ops.Op{Name: "text.stats", Run: textStats, Check: checker(textStatsArgs{})}
}

type textStatsArgs struct{}

func (*textStatsArgs) check() error { return nil }

// statistics is the value of the operation text.stats.
type statistics struct {
	Bytes       int64 `json:"bytes"`
	Characters  int64 `json:"characters"`
	Words       int64 `json:"words"`
	Lines       int64 `json:"lines"`
	BlankLines  int64 `json:"blank_lines"` // with nothing but white space
	Sentences   int64 `json:"sentences"`
	LongestLine int64 `json:"longest_line"`
	LongestWord int   `json:"longest_word"`
	Invalid     int64 `json:"invalid"` // bytes that are not UTF-8
}

func textStats(ctx context.Context, in ops.Input) (ops.Output, error) {
	if _, err := read(in, textStatsArgs{}); err != nil {
		return ops.Output{}, err
	}
	src, err := open(ctx, in, "text.stats")
	if err != nil {
		return ops.Output{}, err
	}
	defer func() { _ = src.Close() }()
	var c statsCounter
	if err := eachRune(src, c.rune); err != nil {
		return ops.Output{}, err
	}
	c.finish()
	c.Bytes = src.bytes
	return ops.Output{Value: ops.JSON(c.statistics)}, nil
}

// eachRune reads a stream as UTF-8, without a byte order mark; bad tells that a byte is none and r stands for it. An error of do ends it.
func eachRune(src *source, do func(r rune, bad bool) error) error {
	buffered := bufio.NewReaderSize(src, 64<<10)
	for first := true; ; first = false {
		r, size, err := buffered.ReadRune()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return src.because(err)
		}
		if first && r == '\uFEFF' {
			continue
		}
		if err := do(r, r == utf8.RuneError && size == 1); err != nil {
			return err
		}
	}
}

// statsCounter counts one character after the other.
type statsCounter struct {
	statistics
	words    splitter
	line     int64 // characters of the line under way
	returned bool  // the last of them is CR
	black    bool  // one of them is no white space
	said     bool  // there was a word since the last sentence ended
	full     bool  // a full stop is waiting for white space
}

func (c *statsCounter) rune(r rune, bad bool) error {
	c.Characters++
	if bad {
		c.Invalid++
	}
	if _, length := c.words.feed(r); length > 0 {
		c.word(length)
	}
	c.sentence(r)
	if r == '\n' {
		c.endLine()
		return nil
	}
	c.line++
	c.returned = r == '\r'
	c.black = c.black || !unicode.IsSpace(r)
	return nil
}

func (c *statsCounter) word(length int) {
	c.Words++
	c.LongestWord = max(c.LongestWord, length)
	c.said = true
}

func (c *statsCounter) sentence(r rune) {
	switch r {
	case '.', '!', '?', '…':
		c.full = true
	case '。', '！', '？':
		c.endSentence()
	case '"', '\'', '”', '’', '»', ')', ']': // may stand between a full stop and the space
	default:
		if c.full && unicode.IsSpace(r) {
			c.endSentence()
		}
		c.full = false
	}
}

func (c *statsCounter) endSentence() {
	if c.said {
		c.Sentences++
	}
	c.said, c.full = false, false
}

func (c *statsCounter) endLine() {
	c.Lines++
	if c.returned {
		c.line--
	}
	c.LongestLine = max(c.LongestLine, c.line)
	if !c.black {
		c.BlankLines++
	}
	c.line, c.returned, c.black = 0, false, false
}

func (c *statsCounter) finish() {
	if _, length := c.words.end(); length > 0 {
		c.word(length)
	}
	c.endSentence() // the end of the text ends a sentence, with a full stop or without
	if c.line > 0 {
		c.returned = false
		c.endLine()
	}
}
