package cruncher_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher"

	"github.com/stretchr/testify/require"
)

const shop = `<!doctype html>
<html lang="en"><head><title> The
 Shop </title><meta name="Description" content="All &amp; more"><meta property="og:type" content="website">
<meta name="description" content="second"><link rel="canonical" href="/shop"><style>p{}</style></head>
<body><svg><title>drawing</title></svg><h1>Welcome</h1><p>Buy <b>now</b>,<br>or later.</p><script>alert(1)</script>
<ul><li class="item" data-id="1">Tea <span class="price">3.50</span></li><li class="item" data-id="2">Milk</li></ul>
<table><tr><td>a</td><td>b</td></tr></table>
<a href="tea?x=1&amp;y=2#top">Tea</a> <a href="/milk">Milk</a> <a href="tea?x=1&amp;y=2#top">again</a>
<a href="javascript:void(0)">no</a> <a>none</a> <a href="mailto:a@example.com">Mail</a> <img src="logo.png" alt="Logo">
</body></html>`

func TestHTMLExtract_yields_what_is_asked_for(t *testing.T) {
	for name, c := range map[string]struct{ with, want string }{
		"title":   {`{"fields":["title"]}`, `{"title":"The Shop"}`},
		"text":    {`{"fields":["text"]}`, `{"text":"Welcome\nBuy now,\nor later.\nTea 3.50\nMilk\na b\nTea Milk again no none Mail"}`},
		"no more": {`{"fields":["text"],"max_text":7}`, `{"text":"Welcome","text_more":65}`},
		"links": {`{"fields":["links"],"base":"https://example.com/a/b"}`, `{"links":[{"url":"https://example.com/a/tea?x=1&y=2#top","text":"Tea"},
			{"url":"https://example.com/milk","text":"Milk"},{"url":"mailto:a@example.com","text":"Mail"}]}`},
		"links without a base": {`{"fields":["links"]}`, `{"links":[{"url":"tea?x=1&y=2#top","text":"Tea"},{"url":"/milk","text":"Milk"},{"url":"mailto:a@example.com","text":"Mail"}]}`},
		"meta":                 {`{"fields":["meta"],"base":"https://example.com/"}`, `{"meta":{"lang":"en","description":"All & more","og:type":"website","canonical":"https://example.com/shop"}}`},
		"a selection": {
			`{"base":"https://example.com/a/","select":{"heading":"h1","ids":{"selector":"li.item","attr":"data-id","all":true},"logo":{"selector":"img","attr":"SRC"},
				"prices":{"selector":".item > .price","all":true},"none":"h2","nothing":{"selector":"h2","all":true},"second":"li:nth-child(2)"}}`,
			`{"select":{"heading":"Welcome","ids":["1","2"],"logo":"https://example.com/a/logo.png","prices":["3.50"],"none":null,"nothing":[],"second":"Milk"}}`,
		},
		"a selection of what has no text": {`{"select":{"t":"head title","s":"script"}}`, `{"select":{"t":"The Shop","s":"alert(1)"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := run(t, "html.extract", c.with, ops.Input{Body: []byte(shop)})
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(out.Value))
			require.Nil(t, out.Body)
		})
	}
}

func TestHTMLExtract_hands_the_text_on(t *testing.T) {
	out, err := run(t, "html.extract", `{"fields":["title"],"body":"text"}`, ops.Input{Body: []byte(shop)})
	require.NoError(t, err)
	require.JSONEq(t, `{"title":"The Shop"}`, string(out.Value))
	require.True(t, strings.HasPrefix(string(out.Body), "Welcome\nBuy now,"))
}

func TestHTMLExtract_of_nothing_yields_empty_fields(t *testing.T) {
	out, err := run(t, "html.extract", ``, ops.Input{})
	require.NoError(t, err)
	require.JSONEq(t, `{"title":"","text":"","links":[],"meta":{}}`, string(out.Value))
}

func TestHTMLExtract_links_are_relative_to_the_base_of_the_page(t *testing.T) {
	for name, c := range map[string]struct {
		page string
		in   ops.Input
		with string
		want string
	}{
		"the address asked for":    {`<a href=x>`, ops.Input{Fetch: &events.FetchFacts{}}, `"https://a.example/1/"`, "https://a.example/1/x"},
		"where redirects ended":    {`<a href=x>`, ops.Input{Fetch: &events.FetchFacts{URL: "https://b.example/2/"}}, `"https://a.example/1/"`, "https://b.example/2/x"},
		"an absolute base element": {`<base href="https://c.example/3/"><a href=x>`, ops.Input{}, `"https://a.example/1/"`, "https://c.example/3/x"},
		"a relative base element":  {`<base href="/4/"><a href=x>`, ops.Input{}, `"https://a.example/1/"`, "https://a.example/4/x"},
		"the first base element":   {`<base target=_top><base href="/5/"><base href="/6/"><a href=x>`, ops.Input{}, `"https://a.example/"`, "https://a.example/5/x"},
		"white space in addresses": {"<a href=' x\ny '>", ops.Input{}, `"https://a.example/"`, "https://a.example/xy"},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.Body = []byte(c.page)
			out, err := run(t, "html.extract", `{"fields":["links"],"base":`+c.with+`}`, c.in)
			require.NoError(t, err)
			require.Contains(t, string(out.Value), `"url":"`+c.want+`"`)
		})
	}
}

func TestHTMLExtract_refuses(t *testing.T) {
	deep := strings.Repeat("<div>", 300)
	for name, c := range map[string]struct {
		with, body string
		reason     events.Reason
		text       string
	}{
		"an invalid selector":       {`{"select":{"a":"p["}}`, "", events.ReasonInvalidParameter, `select "a": selector "p[" is not CSS`},
		"an invalid one in object":  {`{"select":{"a":{"selector":"p:nix"}}}`, "", events.ReasonInvalidParameter, "is not CSS"},
		"an empty selector":         {`{"select":{"a":{}}}`, "", events.ReasonMissingParameter, "has no selector"},
		"a long selector":           {`{"select":{"a":"` + strings.Repeat("p", 1001) + `"}}`, "", events.ReasonInvalidParameter, "at most 1000"},
		"an unknown part":           {`{"select":{"a":{"css":"p"}}}`, "", events.ReasonInvalidParameter, "css"},
		"an unknown field":          {`{"fields":["body"]}`, "", events.ReasonInvalidParameter, "use title, text, links, meta"},
		"an unknown body":           {`{"body":"html"}`, "", events.ReasonInvalidParameter, `use "text"`},
		"a bad base":                {`{"base":"http://[::1"}`, "", events.ReasonInvalidParameter, "base"},
		"a bad length":              {`{"max_text":-1}`, "", events.ReasonInvalidParameter, "max_text"},
		"too large a page":          {`{}`, strings.Repeat(" ", 16<<20+1), events.ReasonTooLarge, "larger than 16777216 bytes"},
		"too many elements":         {`{}`, strings.Repeat("<p>", 400_001), events.ReasonTooLarge, "more than 400000 elements"},
		"elements that multiply":    {`{}`, "<p>" + unclosed(400) + strings.Repeat("</p><p>x", 100_000), events.ReasonTooLarge, "never closed"},
		"too deep a page":           {`{}`, strings.Repeat("<div>", 600), events.ReasonTooLarge, "512"},
		"too large a selection":     {`{"select":{"a":{"selector":"p","all":true}}}`, strings.Repeat("<p>"+strings.Repeat("x", 1000), 600), events.ReasonTooLarge, "select less"},
		"too many matches":          {`{"select":{"a":{"selector":"p","all":true}}}`, strings.Repeat("<p>", 10_001), events.ReasonTooLarge, "more than 10000 elements match"},
		"a selector for ever":       {`{"select":{"a":"div p div p div x"}}`, deep, events.ReasonTooLarge, "write > between"},
		"nested searches":           {`{"select":{"a":"div:has(p:has(x))"}}`, strings.Repeat("<p>", 10_000), events.ReasonTooLarge, "too many parts"},
		"siblings for ever":         {`{"select":{"a":"p ~ p ~ p ~ x"}}`, strings.Repeat("<p>", 10_000), events.ReasonTooLarge, "too many parts"},
		"too much text as JSON":     {`{"max_text":524288}`, strings.Repeat("&lt;", 200_000), events.ReasonTooLarge, "lower max_text"},
		"a value that is no string": {`{"fields":1}`, "", events.ReasonInvalidParameter, "fields"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, "html.extract", c.with, ops.Input{Body: []byte(c.body)})
			require.ErrorContains(t, err, c.text)
			require.Equal(t, c.reason, reason(err))
		})
	}
}

// unclosed are so many different elements that a parser opens again in each block.
func unclosed(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("<font color=" + strings.Repeat("x", i%20) + string(rune('a'+i/20)) + ">")
	}
	return b.String()
}

func TestHTMLExtract_knows_bad_arguments_before_there_is_a_page(t *testing.T) {
	check := cruncher.HTMLExtract().Check
	require.NoError(t, check(json.RawMessage(`{"select":{"a":{"all":true}}}`)), "the selector may be a parameter")
	require.Equal(t, events.ReasonInvalidParameter, reason(check(json.RawMessage(`{"select":{"a":"p["}}`))))
	require.Equal(t, events.ReasonInvalidParameter, reason(check(json.RawMessage(`{"selectors":{}}`))))
}

func TestHTMLExtract_stops_when_its_context_ends(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := cruncher.HTMLExtract().Run(ctx, ops.Input{Body: []byte(strings.Repeat("<p>x", 10_000))})
	require.ErrorIs(t, err, context.Canceled)
}

func BenchmarkHTMLExtract(b *testing.B) {
	body := []byte(strings.Repeat(shop, 100))
	in := ops.Input{With: json.RawMessage(`{"select":{"prices":{"selector":".item > .price","all":true}},"fields":["text","links"]}`), Body: body}
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := cruncher.Builtin()["html.extract"].Run(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzHTMLExtract(f *testing.F) {
	op := cruncher.HTMLExtract()
	f.Add(`{}`, []byte(shop))
	f.Add(`{"select":{"a":{"selector":"li:nth-child(2) > b ~ i:not(:has(u))","attr":"href","all":true}},"fields":["links"],"base":"https://example.com/"}`, []byte(shop))
	f.Add(`{"body":"text","max_text":3}`, []byte("<p>\xff<template><b></p>"))
	f.Fuzz(func(t *testing.T, with string, body []byte) {
		fuzzed(t, op, ops.Input{With: json.RawMessage(with), Body: body})
	})
}
