package useragent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/transform"
)

var (
	errTooLarge = errors.New("the body is too large")
	errEncoding = errors.New("the body's encoding is broken")
)

// Want says how a body is to be read. Zero fields mean what the agent is configured with.
type Want struct {
	// Inline is how many bytes are read into memory; larger bodies are streams.
	Inline int64
	// Max is how many bytes a body may have, as they come out of decoding, and as they are handed on in UTF-8.
	Max int64
	// Remedy tells in errors what to do about Max; by default that the operator sets it.
	Remedy string
	// KeepCharset leaves texts in the charset that they have. Otherwise they become UTF-8.
	KeepCharset bool
}

func (w Want) withDefaults(cfg Config) Want {
	orDefault(&w.Max, cfg.MaxBodyBytes)
	orDefault(&w.Inline, cfg.InlineBytes)
	orDefault(&w.Remedy, "the operator of the fetcher sets the limit")
	w.Inline = min(w.Inline, w.Max)
	return w
}

// Body is the body of a response, decoded: whole in memory, or else a stream that has to be read to its end. Close it.
type Body struct {
	whole  []byte
	stream io.Reader // nil if the body is whole
	count  int64     // bytes that were read
	want   Want

	x       *Exchange
	resp    io.Closer
	wire    wire
	decoded capped
	fed     fed
	encoded bool
	release func() // gives the decoders back; nil without
	fail    func(error) error
}

// Whole returns the body if it is in memory. It is nil if the body was empty.
func (b *Body) Whole() (body []byte, whole bool) { return b.whole, b.stream == nil }

// Read reads the body, wherever it is. Errors are verdicts, or the context's when the work was called off.
func (b *Body) Read(p []byte) (int, error) {
	if b.stream == nil {
		n := copy(p, b.whole[b.count:])
		if b.count += int64(n); n == 0 && len(p) > 0 {
			return 0, io.EOF
		}
		return n, nil
	}
	n, err := b.stream.Read(p)
	b.count += int64(n)
	b.x.facts.Bytes = b.count
	if b.count > b.want.Max {
		err = tooLarge(b.want.Max, b.want.Remedy)
	}
	if err == nil || err == io.EOF { //nolint:errorlint // what has an end of something else in it is a failure
		return n, err
	}
	return n, b.fail(b.cause(err))
}

// Close ends the reading and frees what it has taken. The connection can be used again if the body was read to its end.
func (b *Body) Close() {
	if b.resp == nil {
		return
	}
	_ = b.resp.Close()
	b.resp = nil
	if b.release != nil {
		b.release()
	}
}

// Open begins to read the body of a response: all of it if it is small enough, otherwise the caller reads the rest. Errors are
// verdicts, or the context's when the work was called off; the response's body is closed then.
func (x *Exchange) Open(ctx context.Context, resp *http.Response, want Want) (*Body, error) {
	want = want.withDefaults(x.agent.cfg)
	layers, err := encodings(resp)
	switch {
	case err != nil:
		Discard(resp)
		return nil, x.failure(ctx, err)
	case resp.Body == http.NoBody:
		return new(Body), nil
	case len(layers) == 0 && resp.ContentLength > want.Max:
		Discard(resp)
		return nil, x.failure(ctx, fmt.Errorf("%w: %d bytes, more than %d; %s", errTooLarge, resp.ContentLength, want.Max, want.Remedy))
	}
	b := &Body{want: want, x: x, resp: resp.Body, encoded: len(layers) > 0}
	b.wire = wire{r: resp.Body, pace: &x.hop.pace}
	if err := b.begin(ctx, resp, layers); err != nil {
		err = b.cause(err) // before closing, which is an error of its own for who still reads
		b.Close()
		return nil, x.failure(ctx, err)
	}
	if b.stream == nil {
		b.Close()
	} else {
		b.fail = func(err error) error { return x.failure(ctx, err) }
	}
	return b, nil
}

// Body reads a body that has to fit into memory, and closes it. Errors are as with Open.
func (x *Exchange) Body(ctx context.Context, resp *http.Response) ([]byte, error) {
	return x.BodyUpTo(ctx, resp, min(x.agent.cfg.InlineBytes, x.agent.cfg.MaxBodyBytes))
}

// BodyUpTo is Body with a limit of its own, in bytes after decoding.
func (x *Exchange) BodyUpTo(ctx context.Context, resp *http.Response, limit int64) ([]byte, error) {
	limit = max(1, limit) // 0 would be the default
	b, err := x.Open(ctx, resp, Want{Inline: limit, Max: limit})
	if err != nil {
		return nil, err
	}
	defer b.Close()
	whole, _ := b.Whole() // what has more than Max is an error already
	return whole, nil
}

// begin reads as much as may be in memory, and makes a stream if that is not all.
func (b *Body) begin(ctx context.Context, resp *http.Response, layers []decoder) error {
	contentType := resp.Header.Get("Content-Type")
	convert := !b.want.KeepCharset && isText(contentType)
	src, size, limit := io.Reader(&b.wire), resp.ContentLength, b.want.Inline
	b.decoded = capped{most: b.want.Max, remedy: b.want.Remedy}
	if len(layers) > 0 {
		var err error
		if src, size, err = b.decode(ctx, layers, size); err != nil {
			return err
		}
	} else if size > limit {
		limit = 0 // it will be a stream anyway
	}
	if convert {
		limit = max(limit, sniffBytes)
	}
	b.decoded.r = src
	head, err := readUpTo(&b.decoded, limit, size)
	b.x.facts.Bytes = b.decoded.n
	if err != nil {
		return err
	}
	rest := io.Reader(&b.decoded)
	if int64(len(head)) <= limit {
		rest = nil
	}
	if convert && len(head) > 0 {
		t := sniff(head, contentType)
		if rest == nil {
			return b.convert(head, t)
		}
		b.x.facts.Charset = t.name
		b.stream = transform.NewReader(io.MultiReader(bytes.NewReader(head[t.skip:]), rest), t.decoder())
		return nil
	}
	b.keep(head, rest)
	return nil
}

// convert makes UTF-8 of a whole text.
func (b *Body) convert(head []byte, t text) error {
	converted, changed, err := t.utf8(head)
	if err != nil {
		return err
	}
	if changed {
		b.x.facts.Charset, b.x.facts.Bytes = t.name, int64(len(converted))
	}
	if int64(len(converted)) > b.want.Max {
		return tooLarge(b.want.Max, b.want.Remedy)
	}
	b.keep(converted, nil)
	return nil
}

// keep takes a body as it is: in memory if nothing is missing and it is not too large for that.
func (b *Body) keep(head []byte, rest io.Reader) {
	switch {
	case rest != nil:
		b.stream = io.MultiReader(bytes.NewReader(head), rest)
	case int64(len(head)) > b.want.Inline:
		b.stream = bytes.NewReader(head)
	default:
		b.whole = head
	}
}

// cause tells what is behind an error of reading: the connection, a limit, or that what has come cannot be decoded.
func (b *Body) cause(err error) error {
	switch {
	case b.wire.err != nil:
		return b.wire.err
	case b.fed.err != nil: // decoders may say something else then
		return b.fed.err
	case errors.Is(err, errTooLarge):
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("%w: decoding it takes more memory than allowed: %w", errTooLarge, err)
	case b.encoded:
		return fmt.Errorf("%w: %w", errEncoding, err)
	default:
		return err
	}
}
