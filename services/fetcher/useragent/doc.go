// Package useragent is the fetcher's side of HTTP (a user agent, in the words of RFC 9110): it requests a URL on behalf of an item,
// follows redirects as far as the item may go, keeps caps on time and bytes, and makes a verdict of whatever goes wrong.
//
// An exchange is one fetch with all its redirects:
//
//	x, err := agent.Exchange(useragent.Request{URL: "https://example.com/"})
//	resp, err := x.Send(ctx, "GET")
//	body, err := x.Body(ctx, resp)
//	facts := x.Facts()
package useragent
