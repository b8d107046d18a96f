package useragent

import (
	"context"
	"net/http"
)

// Prefix reads and decodes the first bytes of a body, at most limit of them, and closes it. Errors are verdicts, or the context's when
// the work was called off.
func (x *Exchange) Prefix(ctx context.Context, resp *http.Response, limit int64) ([]byte, error) {
	zipped, err := isGzip(resp)
	if err != nil {
		Discard(resp)
		return nil, x.failure(ctx, err)
	}
	defer resp.Body.Close()
	var body []byte
	if zipped {
		body, err = gunzip(resp.Body, limit)
	} else {
		body, err = readUpTo(resp.Body, limit, resp.ContentLength)
	}
	if err != nil {
		return nil, x.failure(ctx, err)
	}
	x.facts.Bytes = int64(len(body))
	return body[:min(int64(len(body)), limit)], nil
}
