package reduce

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// parseShort reads OP[(EXPRESSION[, NUMBER]…)] [as NAME] [by EXPRESSION] [where EXPRESSION], the clauses in any order. The numbers are the
// quantiles, how many of top, or the bounds of the buckets. The words as, by and where mean something only outside of
// quotation marks and brackets, where no expression can have them side by side with anything else.
func parseShort(text string) (Reduction, error) {
	var r Reduction
	fail := func(format string, args ...any) (Reduction, error) {
		return r, fmt.Errorf("%w %.200q: %w; write for example: sum(value.count) as total by value.kind", ErrSpec, text, fmt.Errorf(format, args...))
	}
	if len(text) > MaxSpecBytes {
		return fail("it has %d bytes: use at most %d", len(text), MaxSpecBytes)
	}
	parts, err := clauses(text)
	if err != nil {
		return fail("%w", err)
	}
	if err := r.parseOp(parts[0].text); err != nil {
		return fail("%w", err)
	}
	for _, p := range parts[1:] {
		to := map[string]*string{"as": &r.Name, "by": &r.By, "where": &r.Where}[p.word]
		if *to != "" {
			return fail("column %d: there are two %s", p.column, p.word)
		}
		if p.text == "" {
			return fail("column %d: nothing follows %s", p.column, p.word)
		}
		*to = p.text
	}
	return r, nil
}

// clause is a word with what follows it; the first has no word.
type clause struct {
	word, text string
	column     int // of the word, from 1
}

// clauses splits a text before as, by and where.
func clauses(text string) ([]clause, error) {
	list := []clause{{column: 1}}
	start := 0
	err := scan(text, func(i int) {
		if i > 0 && !isSpace(text[i-1]) {
			return
		}
		for _, word := range []string{"as", "by", "where"} {
			after := i + len(word)
			if strings.HasPrefix(text[i:], word) && (after == len(text) || isSpace(text[after])) {
				list[len(list)-1].text = strings.TrimSpace(text[start:i])
				list, start = append(list, clause{word: word, column: i + 1}), after
			}
		}
	})
	list[len(list)-1].text = strings.TrimSpace(text[start:])
	return list, err
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// scan calls at with the places of a text that are outside of quotation marks and brackets.
func scan(text string, at func(i int)) error {
	var open []byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"', '\'', '`':
			end := closing(text, i)
			if end < 0 {
				return fmt.Errorf("column %d: the quotation mark %c is not closed", i+1, c)
			}
			i = end
		case '(', '[', '{':
			if len(open) == 0 {
				at(i)
			}
			open = append(open, c)
		case ')', ']', '}':
			if len(open) == 0 || open[len(open)-1] != opening[c] {
				return fmt.Errorf("column %d: the bracket %c closes nothing", i+1, c)
			}
			open = open[:len(open)-1]
		default:
			if len(open) == 0 {
				at(i)
			}
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("the bracket %c is not closed", open[len(open)-1])
	}
	return nil
}

// opening is the bracket that one closes.
var opening = map[byte]byte{')': '(', ']': '[', '}': '{'}

// closing finds the end of the quotation that begins at i; -1 if there is none.
func closing(text string, i int) int {
	quote := text[i]
	for i++; i < len(text); i++ {
		switch {
		case text[i] == quote:
			return i
		case text[i] == '\\' && quote != '`':
			i++
		}
	}
	return -1
}

// parseOp reads OP[(EXPRESSION[, NUMBER]…)].
func (r *Reduction) parseOp(text string) error {
	name, inside, called := strings.Cut(text, "(")
	r.Op = Op(strings.TrimSpace(name))
	if !called {
		if strings.ContainsAny(string(r.Op), " \t\r\n") {
			return fmt.Errorf("%.40q is no operation: what follows it stands in brackets, or after as, by or where", string(r.Op))
		}
		return nil
	}
	inside, closed := strings.CutSuffix(inside, ")")
	if !closed {
		return fmt.Errorf("something stands after the brackets of %s: use as, by or where", r.Op)
	}
	args, err := splitArgs(inside)
	if err != nil {
		return err
	}
	if r.Of = args[0]; r.Of == "" && len(args) > 1 {
		return fmt.Errorf("the expression of %s is missing", r.Op)
	}
	return r.numbers(args[1:])
}

// splitArgs splits arguments at commas.
func splitArgs(text string) ([]string, error) {
	var args []string
	start := 0
	err := scan(text, func(i int) {
		if text[i] == ',' {
			args, start = append(args, strings.TrimSpace(text[start:i])), i+1
		}
	})
	return append(args, strings.TrimSpace(text[start:])), err
}

func (r *Reduction) numbers(args []string) error {
	if len(args) == 0 {
		return nil
	}
	list := make([]float64, len(args))
	for i, a := range args {
		f, err := strconv.ParseFloat(a, 64)
		if err != nil {
			return fmt.Errorf("%.40q is not a number: %s takes one expression, and numbers after it", a, r.Op)
		}
		list[i] = f
	}
	switch r.Op {
	case OpQuantiles:
		r.Q = list
	case OpHistogram:
		r.Buckets = list
	case OpTop:
		if r.K = int(list[0]); len(list) > 1 || float64(r.K) != list[0] || r.K < 1 {
			return fmt.Errorf("top takes one number, how many: top(%s, 10)", r.Of)
		}
	default:
		return fmt.Errorf("%s takes one expression only", r.Op)
	}
	return nil
}

// short is the reduction in the short form, without its name and the numbers that are the usual ones.
func (r *Reduction) short() string {
	out := string(r.Op)
	if r.Of != "" {
		out += "(" + r.Of
		switch {
		case r.Op == OpTop && r.K != defaultTop:
			out += ", " + strconv.Itoa(r.K)
		case r.Op == OpQuantiles && !slices.Equal(r.Q, defaultQuantiles):
			out += numberList(r.Q)
		case r.Op == OpHistogram:
			out += numberList(r.Buckets)
		}
		out += ")"
	}
	if r.By != "" {
		out += " by " + r.By
	}
	if r.Where != "" {
		out += " where " + r.Where
	}
	return out
}

func numberList(list []float64) string {
	var out []byte
	for _, f := range list {
		out = appendFloat(append(out, ", "...), f)
	}
	return string(out)
}
