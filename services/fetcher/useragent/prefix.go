package useragent

import (
	"context"
	"io"
	"net/http"
)

// Prefix reads and decodes the first bytes of a body, at most limit of them, and closes it. Errors are verdicts, or the context's when
// the work was called off.
func (x *Exchange) Prefix(ctx context.Context, resp *http.Response, limit int64) ([]byte, error) {
	const anySize = 1 << 40
	b, err := x.Open(ctx, resp, Want{Inline: limit, Max: anySize, KeepCharset: true})
	if err != nil {
		return nil, err
	}
	defer b.Close()
	body, whole := b.Whole()
	if whole {
		return body, nil
	}
	return io.ReadAll(io.LimitReader(b, limit))
}
