package cruncher

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/fetchmill/fetchmill/pkg/ops"
)

const (
	maxHTMLBytes   = 16 << 20
	maxLinks       = 5_000
	maxSelectors   = 64
	maxMatches     = 10_000 // of one selector
	maxMeta        = 200
	defaultMaxText = 100_000
)

// HTMLExtract returns the operation html.extract: it reads the body handed over by the step before as a page of HTML, in the way browsers
// do, and yields what is asked for.
//
// Arguments, all optional: {"fields": ["title" | "text" | "links" | "meta"…], all four if neither fields nor select is given; "select":
// {name: selector, or {"selector": string, "attr": name, "all": boolean}}; "base": the address that was fetched, for relative
// links, where redirects have led nowhere else; "max_text": integer, the most characters of text, 100,000 if absent; "body": "text" hands the whole text on to the
// next step as its body}. Selectors are those of CSS, and :contains(), :matches() of github.com/andybalholm/cascadia.
//
// Value: title; text without scripts and styles, a line for each block, white space made one space; links [{"url", "text"}], absolute and
// each once; meta {name: content}, with lang and canonical among them; select {name: text or attribute of the first match, null
// without one; a list of all matches with all}. Attributes that are addresses are made absolute. Beyond a bound the field
// text_more, links_more or meta_more says how much was left out: characters, links, entries.
func HTMLExtract() ops.Op {
	h := htmlExtract{selectors: newCache(compileSelector)}
	return ops.Op{Name: "html.extract", Run: h.run, Check: h.check}
}

type htmlExtract struct{ selectors *cache[*selector] }

type htmlArgs struct {
	Fields  []string            `json:"fields"`
	Select  map[string]selected `json:"select"`
	Base    string              `json:"base"`
	MaxText *int64              `json:"max_text"`
	Body    string              `json:"body"`
}

// selected is one selector of the arguments: a string, or an object.
type selected struct {
	Selector string `json:"selector"`
	Attr     string `json:"attr"`
	All      bool   `json:"all"`
}

// UnmarshalJSON reads both forms.
func (s *selected) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &s.Selector)
	}
	type plain selected
	return strict(data, (*plain)(s))
}

var htmlFields = []string{"title", "text", "links", "meta"}

// read reads the arguments and judges all that is there.
func (h htmlExtract) read(in ops.Input) (htmlArgs, error) {
	var args htmlArgs
	if err := in.Args(&args); err != nil {
		return args, err
	}
	for _, f := range args.Fields {
		if !slices.Contains(htmlFields, f) {
			return args, invalid("html.extract: field %.40q: use %s", f, strings.Join(htmlFields, ", "))
		}
	}
	if args.Body != "" && args.Body != "text" {
		return args, invalid(`html.extract: body %.40q: use "text", or leave it out`, args.Body)
	}
	if err := within("html.extract", "max_text", args.MaxText, 0, maxOutputBytes); err != nil {
		return args, err
	}
	if _, err := url.Parse(args.Base); err != nil {
		return args, invalid("html.extract: base: %w", err)
	}
	if len(args.Select) > maxSelectors {
		return args, invalid("html.extract: there are %d selectors: use at most %d", len(args.Select), maxSelectors)
	}
	for name, s := range args.Select {
		if s.Selector == "" {
			continue
		}
		if _, err := h.selectors.get(s.Selector); err != nil {
			return args, fmt.Errorf("html.extract: select %.80q: %w", name, err)
		}
	}
	return args, nil
}

func (h htmlExtract) check(with json.RawMessage) error {
	_, err := h.read(ops.Input{With: with})
	return err
}

// link is a link of a page.
type link struct {
	URL  string `json:"url"`
	Text string `json:"text"`
}

// extracted is the value of the operation html.extract.
type extracted struct {
	Title     *string           `json:"title,omitempty"`
	Text      *string           `json:"text,omitempty"`
	TextMore  int               `json:"text_more,omitempty"`
	Links     []link            `json:"links,omitzero"`
	LinksMore int               `json:"links_more,omitempty"`
	Meta      map[string]string `json:"meta,omitzero"`
	MetaMore  int               `json:"meta_more,omitempty"`
	Select    map[string]any    `json:"select,omitzero"`
}

func (h htmlExtract) run(ctx context.Context, in ops.Input) (ops.Output, error) {
	args, err := h.read(in)
	if err != nil {
		return ops.Output{}, err
	}
	src, err := open(ctx, in, "html.extract")
	if err != nil {
		return ops.Output{}, err
	}
	defer func() { _ = src.Close() }()
	if err := in.Reserve(readingBytes(in, maxHTMLBytes)); err != nil {
		return ops.Output{}, err
	}
	data, err := src.whole("html.extract", maxHTMLBytes)
	if err != nil {
		return ops.Output{}, err
	}
	// The page, its text and what is made of both.
	p, err := parsePage(ctx, data, func(tree int64) error { return in.Reserve(4*int64(len(data)) + tree) })
	if err != nil {
		return ops.Output{}, err
	}
	p.locate(in, args.Base)

	value, text := p.fields(args)
	if len(args.Select) > 0 {
		if value.Select, err = h.selectAll(ctx, p, args.Select); err != nil {
			return ops.Output{}, err
		}
	}
	raw := ops.JSON(value)
	if len(raw) > maxOutputBytes {
		return ops.Output{}, tooLarge("html.extract: what was extracted has %d bytes as JSON, and at most %d travel on: ask for fewer fields, lower max_text or select less", len(raw), maxOutputBytes)
	}
	out := ops.Output{Value: raw}
	if args.Body == "text" {
		out.Body = []byte(text)
	}
	return out, nil
}

// fields yields all but what is selected, and the whole text if it was needed.
func (p *page) fields(args htmlArgs) (value extracted, text string) {
	wanted := args.Fields
	if wanted == nil && args.Select == nil && args.Body == "" {
		wanted = htmlFields
	}
	if args.Body == "text" || slices.Contains(wanted, "text") {
		text = textOf(p.root)
	}
	for _, f := range wanted {
		switch f {
		case "title":
			title := p.title()
			value.Title = &title
		case "text":
			most := int64(defaultMaxText)
			if args.MaxText != nil {
				most = *args.MaxText
			}
			cut, more := cutText(text, int(most))
			value.Text, value.TextMore = &cut, more
		case "links":
			value.Links, value.LinksMore = p.links()
		case "meta":
			value.Meta, value.MetaMore = p.meta()
		}
	}
	return value, text
}

// cutText keeps so many characters, and tells how many it left out.
func cutText(text string, most int) (string, int) {
	n := 0
	for i := range text {
		if n == most {
			return text[:i], len([]rune(text[i:]))
		}
		n++
	}
	return text, 0
}

func (h htmlExtract) selectAll(ctx context.Context, p *page, wanted map[string]selected) (map[string]any, error) {
	found := make(map[string]any, len(wanted))
	left := maxOutputBytes
	for name, s := range wanted {
		if s.Selector == "" {
			return nil, missing(`html.extract: select %.80q has no selector: write {%q: "h1"}`, name, name)
		}
		sel, err := h.selectors.get(s.Selector)
		if err != nil {
			return nil, err
		}
		matches, err := p.match(ctx, sel, s.All)
		if err != nil {
			return nil, fmt.Errorf("html.extract: select %.80q: %w", name, err)
		}
		list := make([]string, 0, len(matches))
		for _, n := range matches {
			text, ok := p.content(n, s.Attr)
			if !ok {
				continue
			}
			if left -= len(text) + 3; left < 0 {
				return nil, tooLarge("html.extract: select %.80q: more than %d bytes match: select less", name, maxOutputBytes)
			}
			list = append(list, text)
		}
		switch {
		case s.All:
			found[name] = list
		case len(list) > 0:
			found[name] = list[0]
		default:
			found[name] = nil
		}
	}
	return found, nil
}

// content is an attribute of a match, or its text.
func (p *page) content(n *html.Node, attr string) (string, bool) {
	if attr == "" {
		return beginning(n, maxOutputBytes), true
	}
	for _, a := range n.Attr {
		if !strings.EqualFold(a.Key, attr) {
			continue
		}
		switch a.Key {
		case "href", "src", "action", "formaction", "poster", "cite", "data", "background":
			if u, ok := p.absolute(a.Val); ok {
				return u, true
			}
		}
		return strings.ToValidUTF8(a.Val, "\ufffd"), true
	}
	return "", false
}
