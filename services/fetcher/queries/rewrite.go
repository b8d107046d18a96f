package queries

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// syntax is what differs between databases in how SQL is written.
type syntax struct {
	backslash bool // escapes in quotes
	dollar    bool // $tag$text$tag$, and E'…' with backslashes
	brackets  bool // [name]
	hash      bool // comments from # to the end of the line
	nested    bool // comments within comments
	// foreign are the first characters of the database's own placeholders, which are refused.
	foreign string
	// mark writes the placeholder of the nth different parameter, from 1.
	mark func(n int) string
	// repeated wants a value for every place instead of one for every parameter.
	repeated bool
}

// statement is SQL as the driver takes it.
type statement struct {
	sql    string
	params []string // whose values are handed over, in this order
}

// rewrite replaces :name by the database's own placeholders, outside of quotes and comments. It refuses more than one statement, and
// statements that do not read.
func rewrite(text string, syn syntax) (statement, error) {
	r := rewriter{text: text, syntax: syn}
	if err := r.run(); err != nil {
		return statement{}, err
	}
	return statement{sql: strings.TrimSpace(r.out.String()), params: r.params}, nil
}

type rewriter struct {
	syntax
	text   string
	at     int // where it is in text
	out    strings.Builder
	names  []string // different parameters
	params []string
	first  string // the first word, in lower case
	ended  bool   // a semicolon has been seen
}

// reads are the first words of statements that read.
var reads = []string{"select", "with", "values", "table", "show", "explain", "describe", "desc", "("}

func (r *rewriter) run() error {
	for r.at < len(r.text) {
		length, isText, err := r.token()
		if err != nil {
			return err
		}
		token := r.text[r.at : r.at+length]
		if err := r.check(token, isText); err != nil {
			return err
		}
		if !r.ended {
			if err := r.write(token, isText); err != nil {
				return err
			}
		}
		r.at += length
	}
	if r.first == "" {
		return errors.New("there is no statement")
	}
	return nil
}

// check sees to it that there is one statement, and that it reads.
func (r *rewriter) check(token string, isText bool) error {
	if token == ";" && isText {
		r.ended = true
		return nil
	}
	if !isText && r.isComment(token) || strings.TrimSpace(token) == "" {
		return nil
	}
	if r.ended {
		return errors.New("there is more than one statement: make each a query of its own")
	}
	if r.first != "" {
		return nil
	}
	r.first = strings.ToLower(token)
	if !slices.Contains(reads, r.first) {
		return fmt.Errorf("it begins with %.40q: a query reads, so it begins with select, with, values, table, show, explain or describe", token)
	}
	return nil
}

func (r *rewriter) isComment(token string) bool {
	return strings.HasPrefix(token, "--") || strings.HasPrefix(token, "/*") || strings.HasPrefix(token, "#")
}

// write writes a token, or the placeholder that it is replaced by.
func (r *rewriter) write(token string, isText bool) error {
	if !isText {
		r.out.WriteString(token)
		return nil
	}
	if len(token) > 1 && token[0] == ':' && token[1] != ':' {
		r.placeholder(token[1:])
		return nil
	}
	if strings.Contains(r.foreign, token[:1]) {
		return fmt.Errorf("%.40q: write parameters as :name", r.text[r.at:min(len(r.text), r.at+20)])
	}
	r.out.WriteString(token)
	return nil
}

func (r *rewriter) placeholder(name string) {
	n := slices.Index(r.names, name)
	if n < 0 {
		n = len(r.names)
		r.names = append(r.names, name)
		if !r.repeated {
			r.params = append(r.params, name)
		}
	}
	if r.repeated {
		r.params = append(r.params, name)
	}
	r.out.WriteString(r.mark(n + 1))
}
