package cruncher

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
)

// selector is a compiled CSS selector with what it takes to match it.
type selector struct {
	group cascadia.SelectorGroup
	cost  selectorCost
}

// selectorCost counts what makes a selector expensive, rather too much than too little.
type selectorCost struct {
	above  int  // combinators that look at all ancestors
	before int  // combinators that look at all siblings before
	beside bool // pseudo-classes that look at all siblings
	within int  // pseudo-classes that look at everything in an element
	nested int  // how deep they are in one another
}

const (
	maxSelectorBytes = 1_000
	maxMatchCost     = 50_000_000 // elements looked at to match one; about half a second, and nothing can stop it
)

func compileSelector(text string) (*selector, error) {
	if len(text) > maxSelectorBytes {
		return nil, invalid("selector %.80q has %d bytes: use at most %d", text, len(text), maxSelectorBytes)
	}
	group, err := cascadia.ParseGroup(text)
	if err != nil {
		return nil, invalid("selector %.200q is not CSS: %w", text, err)
	}
	return &selector{group, weigh(text)}, nil
}

func weigh(text string) selectorCost {
	var c selectorCost
	var open []bool // for each parenthesis, whether it is of a pseudo-class that looks at everything
	var quote, before byte
	brackets, nested, gap, deep := 0, 0, false, false
	before = ' '
	for i := range len(text) {
		switch r := text[i]; {
		case quote != 0:
			if r == quote {
				quote = 0
			}
			continue
		case r == '"' || r == '\'':
			quote = r
		case r == '[':
			brackets++
		case r == ']':
			brackets--
		case brackets > 0:
			continue
		case strings.IndexByte(" \t\n\r\f", r) >= 0:
			gap = true
			continue
		case r == '~':
			c.before++
		case r == ':':
			if deep = looksWithin(text[i+1:]); deep {
				c.within++
			}
			c.beside = true
		case r == '(':
			if open = append(open, deep); deep {
				nested++
				c.nested = max(c.nested, nested)
			}
			deep = false
		case r == ')' && len(open) > 0:
			if open[len(open)-1] {
				nested--
			}
			open = open[:len(open)-1]
		}
		if gap && strings.IndexByte(">+~,)", text[i]) < 0 && strings.IndexByte(" >+~,(", before) < 0 {
			c.above++
		}
		gap, before = false, text[i]
	}
	return c
}

// looksWithin tells whether a pseudo-class of this name looks at everything in an element.
func looksWithin(name string) bool {
	name = strings.ToLower(name[:min(len(name), 8)])
	for _, deep := range []string{"has", "contains", "matches"} {
		if strings.HasPrefix(name, deep) {
			return true
		}
	}
	return false
}

// cost is about how many elements are looked at to match one: a selector with k parts can be tried at every choice of k ancestors.
func (p *page) cost(c selectorCost) float64 {
	cost := choices(p.depth, c.above) * choices(p.siblings, c.before)
	if c.beside {
		cost *= float64(p.siblings)
	}
	if c.nested > 0 {
		cost *= float64(c.within) * math.Pow(float64(p.nodes), float64(c.nested))
	}
	return cost
}

// choices are the ways to choose k of n.
func choices(n, k int) float64 {
	ways := 1.0
	for i := range k {
		ways *= float64(max(1, n-i)) / float64(i+1)
	}
	return ways
}

// match returns the elements that match, in the order of the page, or only the first one.
func (p *page) match(ctx context.Context, s *selector, all bool) ([]*html.Node, error) {
	if p.cost(s.cost) > maxMatchCost {
		return nil, tooLarge("the selector has too many parts for a page of %d elements in %d levels: write > between parts that are parent and child, and fewer of the others", p.nodes, p.depth)
	}
	var found []*html.Node
	visited := 0
	var visit func(n *html.Node) error
	visit = func(n *html.Node) error {
		if ctx.Err() != nil {
			return interrupted(ctx, fmt.Sprintf("visited %d of %d", visited, p.nodes))
		}
		visited++
		if n.Type == html.ElementNode && s.group.Match(n) {
			if found = append(found, n); !all {
				return errEnough
			}
			if len(found) > maxMatches {
				return tooLarge("more than %d elements match: select fewer", maxMatches)
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			if err := visit(c); err != nil {
				return err
			}
		}
		return nil
	}
	if err := visit(p.root); err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return found, nil
}

var errEnough = errors.New("enough")
