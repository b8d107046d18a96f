package cruncher

import (
	"math"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// textOf is what a reader sees of an element: a line for each block, other white space made one space, without scripts and styles.
func textOf(n *html.Node) string { return beginning(n, math.MaxInt) }

// beginning is the text of an element, which ends soon after so many bytes.
func beginning(n *html.Node, most int) string {
	w := textWriter{most: most}
	w.node(n, true)
	return w.b.String()
}

// normal makes all white space of a text one space, and leaves none at its ends.
func normal(s string) string {
	w := textWriter{most: math.MaxInt}
	w.text(s)
	return w.b.String()
}

// textWriter writes white space when something follows it.
type textWriter struct {
	b     strings.Builder
	most  int
	space bool
	line  bool
}

func (w *textWriter) node(n *html.Node, top bool) {
	switch n.Type {
	case html.TextNode:
		w.text(n.Data)
		return
	case html.ElementNode, html.DocumentNode:
		if w.b.Len() > w.most {
			return
		}
	default:
		return
	}
	if !top && unseen[n.DataAtom] {
		return
	}
	block := blocks[n.DataAtom]
	w.line = w.line || block || n.DataAtom == atom.Br
	w.space = w.space || n.DataAtom == atom.Td || n.DataAtom == atom.Th
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		w.node(c, false)
	}
	w.line = w.line || block
}

func (w *textWriter) text(s string) {
	for _, r := range s {
		if unicode.IsSpace(r) {
			w.space = true
			continue
		}
		if w.b.Len() > w.most {
			return
		}
		if w.b.Len() > 0 {
			switch {
			case w.line:
				w.b.WriteByte('\n')
			case w.space:
				w.b.WriteByte(' ')
			}
		}
		w.line, w.space = false, false
		w.b.WriteRune(r) // what is not UTF-8 has become U+FFFD in the loop
	}
}

// unseen are elements whose text is not part of the page, unless it is what was asked for.
var unseen = map[atom.Atom]bool{
	atom.Head: true, atom.Script: true, atom.Style: true, atom.Noscript: true, atom.Template: true, atom.Iframe: true,
	atom.Noembed: true, atom.Noframes: true, atom.Object: true, atom.Svg: true, atom.Math: true, atom.Textarea: true, atom.Select: true,
	atom.Datalist: true, atom.Audio: true, atom.Video: true, atom.Canvas: true, atom.Title: true,
}

// blocks begin and end a line (HTML standard, 15.3, display: block and the like).
var blocks = map[atom.Atom]bool{
	atom.Address: true, atom.Article: true, atom.Aside: true, atom.Blockquote: true, atom.Body: true, atom.Caption: true, atom.Center: true,
	atom.Dd: true, atom.Details: true, atom.Dialog: true, atom.Dir: true, atom.Div: true, atom.Dl: true, atom.Dt: true, atom.Fieldset: true,
	atom.Figcaption: true, atom.Figure: true, atom.Footer: true, atom.Form: true, atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true,
	atom.H5: true, atom.H6: true, atom.Header: true, atom.Hgroup: true, atom.Hr: true, atom.Legend: true, atom.Li: true, atom.Main: true,
	atom.Menu: true, atom.Nav: true, atom.Ol: true, atom.Optgroup: true, atom.Option: true, atom.P: true, atom.Pre: true, atom.Search: true,
	atom.Section: true, atom.Summary: true, atom.Table: true, atom.Tbody: true, atom.Tfoot: true, atom.Thead: true, atom.Tr: true, atom.Ul: true,
}
