package cruncher

import (
	"bytes"
	"context"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/fetchmill/fetchmill/pkg/ops"
)

// page is a parsed page of HTML.
type page struct {
	root     *html.Node
	base     *url.URL // what links are relative to, nil if it is not known
	nodes    int
	depth    int
	siblings int // the most that there are in one element
}

// maxNodes bounds what a page becomes in memory: a node takes about 200 bytes.
const (
	maxNodes  = 400_000
	nodeBytes = 200
)

// parsePage reads a page that is not too large once it is a tree. reserve is asked for the memory of the tree.
func parsePage(ctx context.Context, data []byte, reserve func(bytes int64) error) (*page, error) {
	nodes, err := measurePage(ctx, data)
	if err == nil {
		err = reserve(nodeBytes * int64(nodes))
	}
	if err != nil {
		return nil, err
	}
	// The parser reads some kilobytes at a time, and that is where it is stopped.
	src := &source{from: nopCloser{bytes.NewReader(data)}, judge: func(error) error {
		if ctx.Err() != nil {
			return interrupted(ctx, "html.extract")
		}
		return nil
	}}
	root, err := html.Parse(src)
	if err != nil {
		if src.verdict != nil {
			return nil, src.verdict
		}
		return nil, tooLarge("html.extract: the page is not readable: %w", err) // it nests elements too deep, the only fault there is
	}
	p := &page{root: root}
	p.measure(root, 1)
	return p, nil
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

// reopened are the elements that the parser opens again in each block that follows, as long as they are not closed, so that a short page
// can become a huge tree (HTML standard, 13.2.4.3, the list of active formatting elements).
var reopened = map[atom.Atom]bool{
	atom.A: true, atom.B: true, atom.Big: true, atom.Code: true, atom.Em: true, atom.Font: true, atom.I: true, atom.Nobr: true,
	atom.S: true, atom.Small: true, atom.Strike: true, atom.Strong: true, atom.Tt: true, atom.U: true,
}

// measurePage returns how many nodes the tree of a page can have, without making the tree, and refuses more than maxNodes.
func measurePage(ctx context.Context, data []byte) (nodes int, err error) {
	z := html.NewTokenizer(bytes.NewReader(data))
	var open unclosed
	for tokens := 1; ; tokens++ {
		if tokens%4096 == 0 && ctx.Err() != nil {
			return 0, interrupted(ctx, "html.extract")
		}
		kind := z.Next()
		nodes++
		switch kind {
		case html.ErrorToken:
			return nodes, nil // the end: nothing else ends the tokens of a byte slice
		case html.StartTagToken:
			nodes += open.count
			raw := string(z.Raw())
			if name, _ := z.TagName(); reopened[atom.Lookup(name)] {
				open.push(atom.Lookup(name), raw)
			}
		case html.EndTagToken:
			if name, _ := z.TagName(); reopened[atom.Lookup(name)] {
				open.pop(atom.Lookup(name))
			}
		}
		if nodes > maxNodes {
			return 0, tooLarge("html.extract: the page has more than %d elements and texts, or elements that are never closed: fetch a part of it", maxNodes)
		}
	}
}

// unclosed counts the elements that the parser may open again: of equal ones it does so with three only.
type unclosed struct {
	count int
	equal map[string]int
	tags  map[atom.Atom][]string // "" for those beyond three
}

func (u *unclosed) push(name atom.Atom, tag string) {
	if u.equal == nil {
		u.equal, u.tags = make(map[string]int), make(map[atom.Atom][]string)
	}
	if u.equal[tag] == 3 {
		u.tags[name] = append(u.tags[name], "")
		return
	}
	u.equal[tag]++
	u.count++
	u.tags[name] = append(u.tags[name], tag)
}

func (u *unclosed) pop(name atom.Atom) {
	last := len(u.tags[name]) - 1
	if last < 0 {
		return
	}
	if tag := u.tags[name][last]; tag != "" {
		u.equal[tag]--
		u.count--
	}
	u.tags[name] = u.tags[name][:last]
}

// measure finds out how large the tree is.
func (p *page) measure(n *html.Node, depth int) {
	p.nodes++
	p.depth = max(p.depth, depth)
	siblings := 0
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		p.measure(c, depth+1)
		siblings++
	}
	p.siblings = max(p.siblings, siblings)
}

// locate finds out what links are relative to: the page's base element, which may be relative itself, else where the page came from.
func (p *page) locate(in ops.Input, given string) {
	if in.Fetch != nil && in.Fetch.URL != "" {
		given = in.Fetch.URL
	}
	if u, err := url.Parse(given); err == nil && u.IsAbs() {
		p.base = u
	}
	if element := first(p.root, func(n *html.Node) bool { return n.DataAtom == atom.Base && attribute(n, "href") != "" }); element != nil {
		if text, ok := p.absolute(attribute(element, "href")); ok {
			if u, err := url.Parse(text); err == nil && u.IsAbs() {
				p.base = u
			}
		}
	}
}

// absolute makes an address absolute if it is known to what it is relative. It refuses what is no address.
func (p *page) absolute(address string) (string, bool) {
	address = strings.Map(func(r rune) rune { // as browsers do (URL standard, 4.4)
		if r == '\t' || r == '\n' || r == '\r' {
			return -1
		}
		return r
	}, strings.TrimSpace(strings.ToValidUTF8(address, "\ufffd")))
	if len(address) > maxLinkBytes {
		return "", false
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", false
	}
	if p.base != nil {
		u = p.base.ResolveReference(u)
	}
	return u.String(), true
}

const maxLinkBytes = 8192 // common servers refuse longer addresses

// title is the text of the first title outside of drawings, which have titles too.
func (p *page) title() string {
	n := first(p.root, func(n *html.Node) bool { return n.DataAtom == atom.Title && n.Namespace == "" })
	if n == nil {
		return ""
	}
	title, _ := cutText(beginning(n, 4000), 1000)
	return title
}

// links are the links of the page, each once, and how many more there are than are listed.
func (p *page) links() (list []link, more int) {
	list = []link{}
	seen := make(map[string]bool)
	each(p.root, func(n *html.Node) {
		if n.DataAtom != atom.A && n.DataAtom != atom.Area || n.Namespace != "" {
			return
		}
		href := attribute(n, "href")
		address, ok := p.absolute(href)
		if href == "" || !ok || seen[address] {
			return
		}
		if scheme, _, _ := strings.Cut(address, ":"); strings.EqualFold(scheme, "javascript") || strings.EqualFold(scheme, "data") {
			return
		}
		seen[address] = true
		if len(list) == maxLinks {
			more++
			return
		}
		text, _ := cutText(beginning(n, 800), 200)
		list = append(list, link{address, text})
	})
	return list, more
}

// meta is what the page says about itself: the first content of each name, and how many names more there are than are listed.
func (p *page) meta() (found map[string]string, more int) {
	found = map[string]string{}
	note := func(name, content string) {
		name, content = strings.ToLower(strings.TrimSpace(name)), normal(content)
		if name == "" || content == "" || len(name) > 100 {
			return
		}
		if _, ok := found[name]; ok {
			return
		}
		if len(found) == maxMeta {
			more++
			return
		}
		found[name], _ = cutText(content, 1000)
	}
	each(p.root, func(n *html.Node) {
		switch n.DataAtom {
		case atom.Html:
			note("lang", attribute(n, "lang"))
		case atom.Meta:
			for _, key := range []string{"name", "property", "itemprop", "http-equiv"} {
				note(attribute(n, key), attribute(n, "content"))
			}
		case atom.Link:
			if strings.EqualFold(attribute(n, "rel"), "canonical") {
				if address, ok := p.absolute(attribute(n, "href")); ok {
					note("canonical", address)
				}
			}
		}
	})
	return found, more
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key && a.Namespace == "" {
			return a.Val
		}
	}
	return ""
}

// each visits all elements in the order of the page.
func each(n *html.Node, visit func(*html.Node)) {
	if n.Type == html.ElementNode {
		visit(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		each(c, visit)
	}
}

// first is the first element that will do, nil if none does.
func first(n *html.Node, will func(*html.Node) bool) *html.Node {
	if n.Type == html.ElementNode && will(n) {
		return n
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if found := first(c, will); found != nil {
			return found
		}
	}
	return nil
}
