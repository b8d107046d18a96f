package fetcher

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"

	"github.com/fetchmill/fetchmill/internal/jq"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

// Caps of one item of http.pages. All its pages are read within the time of one attempt of its step.
const (
	maxPageBytes = 4 << 20   // of one page
	maxReadBytes = 256 << 20 // of all pages together
	maxKeptBytes = 16 << 20  // of the items that are kept
)

// pages is what all items of http.pages share.
type pages struct {
	queries *jq.Cache
	// turns bounds how many pages are looked through at once: a page takes much more memory when it is taken apart, and a CPU.
	turns chan struct{}
}

func newPages() pages {
	return pages{queries: jq.NewCache(256), turns: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// pagesValue is what http.pages tells beside the items.
type pagesValue struct {
	Pages int `json:"pages"`
	Items int `json:"items"`
	// Complete is false if there is more, and the item's own max_pages or max_items has ended it.
	Complete bool `json:"complete"`
}

// httpPages fetches all pages of a paginated API: their items become one JSON array, which is the body for the next step. A failure on
// the way fails the attempt as a whole, and the next attempt begins with the first page.
func (n *Network) httpPages() ops.Op {
	return ops.Op{Name: "http.pages", Run: func(ctx context.Context, in ops.Input) (ops.Output, error) {
		var args pagesArgs
		if err := in.Args(&args); err != nil {
			return ops.Output{}, err
		}
		w, err := n.walkFor(in, args)
		if err != nil {
			return ops.Output{}, err
		}
		err = w.run(ctx)
		out := ops.Output{Fetch: w.total.facts}
		if err != nil {
			return out, err
		}
		out.Value = ops.JSON(w.value)
		return n.pass(ctx, out, w.array())
	}}
}

// pass hands bytes to the next step.
func (n *Network) pass(ctx context.Context, out ops.Output, body []byte) (ops.Output, error) {
	switch {
	case int64(len(body)) <= n.cfg.InlineBytes:
		out.Body = body
		return out, nil
	case n.cfg.Bodies == nil:
		err := fmt.Errorf("the items of all pages have %d bytes as JSON, and at most %d travel on: select less with the argument items", len(body), n.cfg.InlineBytes)
		return out, ops.Fail(events.ReasonTooLarge, err)
	}
	ref, err := n.cfg.Bodies.Put(ctx, bytes.NewReader(body))
	if err != nil {
		return out, ops.Retry(events.ReasonStorage, fmt.Errorf("keep the items of all pages: %w", err))
	}
	out.BodyRef, out.Fetch.Body = &ref, &ref
	return out, nil
}

// walk is the way of one item from page to page.
type walk struct {
	n       *Network
	plan    pagesPlan
	request useragent.Request
	seen    map[[sha256.Size]byte]bool // hashes of the URLs that were asked for
	last    []byte                     // the page before
	items   bytes.Buffer               // a JSON array, without its end
	over    bool                       // there are more items than there may be
	value   pagesValue
	total   totals
}

// page is one answer.
type page struct {
	at     *url.URL
	header http.Header
	body   []byte
	end    bool // 404 where the pages are counted
}

func (w *walk) run(ctx context.Context) error {
	for at := w.plan.first; ; {
		w.value.Pages++
		w.seen[hashOf(at)] = true
		next, err := w.step(ctx, at)
		switch {
		case err != nil:
			return fmt.Errorf("page %d: %w", w.value.Pages, err)
		case w.over || next != nil && w.value.Items == w.plan.maxItems:
			return w.plan.stop("max_items", w.value.Items)
		case next == nil:
			w.value.Complete = true
			return nil
		case w.value.Pages == w.plan.maxPages:
			return w.plan.stop("max_pages", w.value.Pages)
		}
		w.request.Origin = w.plan.first
		at = next
	}
}

// step fetches a page, takes its items, and returns the URL of the next one, nil at the end.
func (w *walk) step(ctx context.Context, at *url.URL) (*url.URL, error) {
	p, err := w.fetch(ctx, at)
	if err != nil {
		return nil, err
	}
	if p.end {
		w.value.Pages-- // it is none
		return nil, nil //nolint:nilnil // the end is no error
	}
	select {
	case w.n.pages.turns <- struct{}{}:
		defer func() { <-w.n.pages.turns }()
	case <-ctx.Done():
		return nil, ended(ctx)
	}
	doc, err := w.read(p)
	if err != nil {
		return nil, err
	}
	taken, err := w.take(ctx, doc)
	if err != nil {
		return nil, err
	}
	next, err := w.plan.next.next(ctx, found{page: p, doc: doc, items: taken, number: w.value.Pages, first: w.plan.first})
	if err != nil || next == nil {
		return nil, err
	}
	return next, w.check(p.at, next)
}

// fetch asks for one page.
func (w *walk) fetch(ctx context.Context, at *url.URL) (page, error) {
	w.request.URL = at.String()
	x, err := w.n.agent.Exchange(w.request)
	if err != nil {
		return page{}, err
	}
	defer x.Close()
	defer func() { w.total.add(x.Facts()) }()
	resp, err := x.Send(ctx, http.MethodGet) //nolint:bodyclose // Discard and BodyUpTo close it
	if err != nil {
		return page{}, err
	}
	switch {
	case resp.StatusCode == http.StatusNotFound && w.value.Pages > 1 && w.plan.next.counts():
		useragent.Discard(resp)
		return page{end: true}, nil
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		err := x.StatusFailure(resp)
		useragent.Discard(resp)
		return page{}, err
	}
	body, err := x.BodyUpTo(ctx, resp, min(maxPageBytes, maxReadBytes-w.total.bytes()))
	return page{at: x.At(), header: resp.Header, body: body}, err
}

// read takes a page apart. No body at all is a page without items.
func (w *walk) read(p page) (any, error) {
	if w.plan.next.counts() && w.value.Pages > 1 && len(p.body) > 2 && bytes.Equal(p.body, w.last) {
		return nil, ops.Fail(events.ReasonProtocol, errors.New("it is the same as the page before: the server does not seem to know the page parameter"))
	}
	w.last = p.body
	if len(bytes.TrimSpace(p.body)) == 0 {
		return nil, nil //nolint:nilnil // null, in terms of JSON
	}
	return jq.Decode(p.body)
}

// take adds the items of a page to those before, and returns how many they are.
func (w *walk) take(ctx context.Context, doc any) (int, error) {
	if doc == nil {
		return 0, nil
	}
	taken := 0
	for item, err := range w.plan.items.Outputs(ctx, doc) {
		switch {
		case err != nil && ctx.Err() != nil:
			return 0, ended(ctx)
		case err != nil:
			return 0, fmt.Errorf("items: %w", err)
		}
		if taken++; w.value.Items == w.plan.maxItems {
			w.over = true
			return taken, nil
		}
		raw, err := jq.Encode(item, maxKeptBytes-w.items.Len())
		if err != nil {
			return 0, fmt.Errorf("items: %w", err)
		}
		if w.value.Items++; w.value.Items > 1 {
			w.items.WriteByte(',')
		}
		w.items.Write(raw)
	}
	return taken, nil
}

// check judges where a page says that the next one is.
func (w *walk) check(at, next *url.URL) error {
	if w.seen[hashOf(next)] {
		return ops.Fail(events.ReasonProtocol, fmt.Errorf("it says that the next page is %.300s, which was read before: the pages go round in a circle", next))
	}
	if !w.plan.crossOrigin && !useragent.SameOrigin(at, next) {
		return ops.Fail(events.ReasonForbiddenTarget, fmt.Errorf("it says that the next page is on another server, %s://%.200s: "+
			"set cross_origin if that is meant; headers stay behind then", next.Scheme, next.Host))
	}
	return nil
}

// array ends the array of all items.
func (w *walk) array() []byte {
	w.items.WriteByte(']')
	return w.items.Bytes()
}

// hashOf stands for a URL without its fragment, which is not sent. Thousands of URLs could be long.
func hashOf(u *url.URL) [sha256.Size]byte {
	sent := *u
	sent.Fragment, sent.RawFragment = "", ""
	return sha256.Sum256([]byte(sent.String()))
}

// ended is the error of an operation whose context has ended while it computed.
func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ops.Retry(events.ReasonTimeout, fmt.Errorf("not done in time: %w", ctx.Err()))
	}
	return context.Cause(ctx)
}
