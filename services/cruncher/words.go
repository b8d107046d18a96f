package cruncher

import (
	"cmp"
	"context"
	"slices"
	"unicode"

	"github.com/fetchmill/fetchmill/pkg/ops"
)

const (
	maxTop           = 1_000
	maxWordLength    = 100      // characters; longer ones are not words but data
	maxDistinctWords = 500_000  // in memory at once
	maxDistinctBytes = 16 << 20 // of them together
	maxStopWords     = 5_000
)

// Words returns the operation words: the words that occur most often in a text, which is the body handed over by the step before or the
// value so far. The text is read as a stream; the counts are exact. Arguments {"top": integer up to 1,000, 20 if absent, "min_length":
// integer in characters, "fold": boolean, "stop": [string…]}. Upper and lower case are the same unless fold is false; the words in
// stop are left out, and so are those of more than 100 characters. Value {"words", "distinct", "top": [{"word", "count"}…]}, words
// with the same count in the order of their bytes. A text with more than 500,000 different words is refused as too large.
func Words() ops.Op { return ops.Op{Name: "words", Run: words, Check: checker(defaultWords)} }

var defaultWords = wordsArgs{Top: 20, MinLength: 1, Fold: true}

type wordsArgs struct {
	Top       int64    `json:"top"`
	MinLength int64    `json:"min_length"`
	Fold      bool     `json:"fold"`
	Stop      []string `json:"stop"`
}

func (a *wordsArgs) check() error {
	if err := within("words", "top", &a.Top, 1, maxTop); err != nil {
		return err
	}
	if len(a.Stop) > maxStopWords {
		return invalid("words: stop has %d words: use at most %d", len(a.Stop), maxStopWords)
	}
	return within("words", "min_length", &a.MinLength, 1, maxWordLength)
}

type wordCount struct {
	Word  string `json:"word"`
	Count int64  `json:"count"`
}

// wordsValue is the value of the operation words.
type wordsValue struct {
	Words    int64       `json:"words"`    // that were counted
	Distinct int         `json:"distinct"` // different ones among them
	Top      []wordCount `json:"top"`
}

func words(ctx context.Context, in ops.Input) (ops.Output, error) {
	args, err := read(in, defaultWords)
	if err != nil {
		return ops.Output{}, err
	}
	src, err := open(ctx, in, "words")
	if err != nil {
		return ops.Output{}, err
	}
	defer func() { _ = src.Close() }()
	t := newTally(args, in.Reserve)
	if err := eachRune(src, t.rune); err != nil {
		return ops.Output{}, err
	}
	if err := t.word(t.splitter.end()); err != nil {
		return ops.Output{}, err
	}
	return ops.Output{Value: ops.JSON(t.value(int(args.Top)))}, nil
}

// tally counts words.
type tally struct {
	splitter splitter
	fold     bool
	shortest int
	counts   map[string]*int64
	stop     map[string]bool
	words    int64
	bytes    int // of the different words
	buffer   []byte
	reserve  func(bytes int64) error
	reserved int64
}

func newTally(args wordsArgs, reserve func(bytes int64) error) *tally {
	t := &tally{
		reserve:  reserve,
		splitter: splitter{keep: maxWordLength}, fold: args.Fold, shortest: int(args.MinLength),
		counts: make(map[string]*int64), stop: make(map[string]bool, len(args.Stop)),
	}
	for _, w := range args.Stop {
		t.stop[string(t.spell([]rune(w)))] = true
	}
	return t
}

func (t *tally) rune(r rune, _ bool) error { return t.word(t.splitter.feed(r)) }

// spell writes a word in the form in which it is counted. What it returns is good until it is called again.
func (t *tally) spell(word []rune) []byte {
	t.buffer = t.buffer[:0]
	for _, r := range word {
		switch {
		case r == '’':
			r = '\''
		case t.fold:
			r = unicode.ToLower(r)
		}
		t.buffer = append(t.buffer, string(r)...)
	}
	return t.buffer
}

func (t *tally) word(word []rune, length int) error {
	if length < t.shortest || length > maxWordLength {
		return nil
	}
	text := t.spell(word)
	if t.stop[string(text)] {
		return nil
	}
	t.words++
	if n := t.counts[string(text)]; n != nil {
		*n++
		return nil
	}
	t.bytes += len(text)
	if len(t.counts) == maxDistinctWords || t.bytes > maxDistinctBytes {
		return tooLarge("words: the text has more than %d different words or %d bytes of them: count parts of it, or set min_length", maxDistinctWords, maxDistinctBytes)
	}
	const (
		entry = 100     // bytes of a place in the map and of the counter, and then again in the list that is sorted
		step  = 1 << 20 // by which more is reserved
	)
	if need := int64(t.bytes + entry*len(t.counts)); need > t.reserved {
		t.reserved = need + step
		if err := t.reserve(t.reserved); err != nil {
			return err
		}
	}
	n := int64(1)
	t.counts[string(text)] = &n
	return nil
}

func (t *tally) value(top int) wordsValue {
	list := make([]wordCount, 0, len(t.counts))
	for w, n := range t.counts {
		list = append(list, wordCount{w, *n})
	}
	slices.SortFunc(list, func(a, b wordCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Word, b.Word))
	})
	return wordsValue{Words: t.words, Distinct: len(list), Top: list[:min(top, len(list))]}
}
