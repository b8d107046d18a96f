package useragent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// words is text that compresses as text does, n bytes of it.
func words(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 0, n+16)
	for len(b) < n {
		b = fmt.Appendf(b, "%x ", r.Uint32N(5000))
	}
	return b[:n]
}

// open reads a response that comes from no network.
func open(ctx context.Context, t testing.TB, a *Agent, header http.Header, body io.Reader, want Want) (*Exchange, *Body, error) {
	t.Helper()
	x, err := a.Exchange(Request{URL: "http://127.0.0.1/"})
	require.NoError(t, err)
	x.method, x.hop = http.MethodGet, a.newHop()
	resp := &http.Response{
		StatusCode: 200, Header: header, ContentLength: -1, Body: io.NopCloser(body), Request: &http.Request{Header: a.plain},
	}
	b, err := x.Open(ctx, resp, want)
	return x, b, err
}

func TestOpen_undoes_every_encoding_of_small_and_large_bodies(t *testing.T) {
	a := agent(t)
	text := words(300 << 10)
	id := func(_ testing.TB, b []byte) []byte { return b }
	zs := func(tb testing.TB, b []byte) []byte {
		tb.Helper()
		return zst(tb, b)
	}
	type encoder = func(testing.TB, []byte) []byte
	for encoding, encoders := range map[string][]encoder{
		"":                     {id},
		"identity":             {id},
		"gzip":                 {zip},
		"x-gzip":               {zip},
		"GZIP":                 {zip},
		"br":                   {br},
		"zstd":                 {zs},
		"gzip, br":             {zip, br},
		"br, gzip":             {br, zip},
		"zstd,identity , gzip": {zs, zip},
		"br, zstd, gzip":       {br, zs, zip},
	} {
		for _, size := range []int{0, 1, 5 << 10, 100 << 10, 300 << 10} {
			content := text[:size]
			encoded := content
			for _, e := range encoders {
				encoded = e(t, encoded)
			}
			x, b, err := open(t.Context(), t, a, http.Header{"Content-Encoding": {encoding}}, bytes.NewReader(encoded), Want{Inline: 64 << 10})
			require.NoError(t, err, "%s, %d bytes", encoding, size)
			got, whole := b.Whole()
			require.Equal(t, size <= 64<<10, whole)
			if !whole {
				got, err = io.ReadAll(b)
				require.NoError(t, err, "%s, %d bytes", encoding, size)
			}
			b.Close()
			require.True(t, bytes.Equal(content, got), "%s, %d bytes", encoding, size)
			require.EqualValues(t, size, x.Facts().Bytes)
		}
	}
	require.True(t, a.windows.brief.TryAcquire(briefWindows), "all memory is given back")
	require.True(t, a.windows.long.TryAcquire(longWindows), "all memory is given back")
}

func TestOpen_finds_broken_and_cut_bodies_of_every_encoding(t *testing.T) {
	a := agent(t)
	content := words(300 << 10)
	for encoding, encoded := range map[string][]byte{"gzip": zip(t, content), "br": br(t, content), "zstd": zst(t, content)} {
		for _, c := range map[string][]byte{
			"cut": encoded[:len(encoded)-10], "cut at the beginning": encoded[:3], "more after the end": append(bytes.Clone(encoded), "more after it"...),
			"other bytes": flipped(encoded),
		} {
			_, b, err := open(t.Context(), t, a, http.Header{"Content-Encoding": {encoding}}, bytes.NewReader(c), Want{Inline: 4 << 10})
			if err == nil {
				_, err = io.Copy(io.Discard, b)
				b.Close()
			}
			fails(t, err, events.ReasonProtocol, true)
		}
	}
	require.True(t, a.windows.brief.TryAcquire(briefWindows), "all memory is given back")
	require.True(t, a.windows.long.TryAcquire(longWindows), "all memory is given back")
}

// flipped changes bits in the middle, which a checksum or the format finds.
func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	for i := len(b) / 2; i < len(b)/2+64; i++ {
		b[i] ^= 0xff
	}
	return b
}

func TestOpen_keeps_within_its_caps_at_every_size(t *testing.T) {
	a := agent(t)
	for _, size := range []int{999, 1000, 1001, 5000, 100_000} {
		for _, inline := range []int64{10, 1000, 5000} {
			for encoding, encode := range map[string]func(testing.TB, []byte) []byte{"": func(_ testing.TB, b []byte) []byte { return b }, "gzip": zip} {
				_, b, err := open(t.Context(), t, a, http.Header{"Content-Encoding": {encoding}}, bytes.NewReader(encode(t, words(size))), Want{Inline: inline, Max: 1000})
				var got []byte
				if err == nil {
					var whole bool
					if got, whole = b.Whole(); !whole {
						got, err = io.ReadAll(b)
					}
					b.Close()
				}
				if size <= 1000 {
					require.NoError(t, err)
					require.Len(t, got, size)
				} else {
					fails(t, err, events.ReasonTooLarge, false)
				}
			}
		}
	}
}

func TestOpen_waits_for_memory_for_decoders_that_servers_ask_for(t *testing.T) {
	a := agent(t)
	var large bytes.Buffer
	w := brotli.NewWriterOptions(&large, brotli.WriterOptions{Quality: 2, LGWin: 24})
	_, err := w.Write(words(1 << 20))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.EqualValues(t, 1<<24, brotliDecoder.window(large.Bytes()))
	header := http.Header{"Content-Encoding": {"br"}}

	var held []*Body
	for range longWindows >> 24 {
		_, b, err := open(t.Context(), t, a, header, bytes.NewReader(large.Bytes()), Want{Inline: 1 << 10})
		require.NoError(t, err)
		held = append(held, b)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = open(ctx, t, a, header, bytes.NewReader(large.Bytes()), Want{Inline: 1 << 10})
	require.ErrorIs(t, err, context.Canceled, "no more than that at the same time")
	_, _, err = open(t.Context(), t, a, header, bytes.NewReader(br(t, []byte("small"))), Want{})
	require.NoError(t, err, "those that have come whole do not wait for the others")
	held[0].Close()
	_, b, err := open(t.Context(), t, a, header, bytes.NewReader(large.Bytes()), Want{Inline: 1 << 10})
	require.NoError(t, err)
	b.Close()
	for _, b := range held {
		b.Close()
	}
}

func TestWindow_is_what_the_stream_says(t *testing.T) {
	for bits := 10; bits <= 24; bits++ {
		var buf bytes.Buffer
		w := brotli.NewWriterOptions(&buf, brotli.WriterOptions{Quality: 5, LGWin: bits})
		_, _ = io.WriteString(w, strings.Repeat("x", 100))
		require.NoError(t, w.Close())
		require.EqualValues(t, 1<<bits, brotliDecoder.window(buf.Bytes()), bits)
	}
	for _, size := range []int{1 << 10, 64 << 10, 1 << 20, 8 << 20} {
		var buf bytes.Buffer
		w, err := zstd.NewWriter(&buf, zstd.WithWindowSize(size), zstd.WithSingleSegment(false), zstd.WithEncoderConcurrency(1))
		require.NoError(t, err)
		_, _ = w.Write(words(1 << 20)) // so much that the frame's size is not known when its header is written
		require.NoError(t, w.Close())
		require.EqualValues(t, size, zstdDecoder.window(buf.Bytes()))
	}
	require.EqualValues(t, maxZstdWindow, zstdDecoder.window([]byte("nonsense")))
}

func FuzzOpen(f *testing.F) {
	for _, b := range [][]byte{nil, []byte("text"), zip(f, page()), br(f, page()), zst(f, page()), zip(f, br(f, page()))} {
		for _, encoding := range []string{"", "gzip", "br", "zstd", "br, gzip"} {
			f.Add(b, encoding, "text/html")
		}
	}
	f.Add([]byte("\xff\xfe<\x00"), "", "application/xml")
	f.Add([]byte(`<?xml version="1.0" encoding="iso-8859-1"?>`), "", "application/xml")
	f.Add([]byte(`<meta charset=big5>`+"\xa4\xa4"), "", "text/html; charset=x")
	f.Fuzz(func(t *testing.T, data []byte, encoding, contentType string) {
		a := agent(t)
		read := func(inline int64) ([]byte, string, error) {
			header := http.Header{"Content-Encoding": {encoding}, "Content-Type": {contentType}}
			x, b, err := open(t.Context(), t, a, header, bytes.NewReader(data), Want{Inline: inline, Max: 1 << 20})
			if err != nil {
				return nil, "", err
			}
			defer b.Close()
			got, whole := b.Whole()
			if !whole {
				got, err = io.ReadAll(b)
			}
			if int64(len(got)) > 1<<20+512 {
				t.Fatalf("%d bytes", len(got))
			}
			return got, x.Facts().Charset, err
		}
		// A body is the same in memory and as a stream.
		whole, wholeCharset, wholeErr := read(1 << 20)
		stream, streamCharset, streamErr := read(1)
		if (wholeErr == nil) != (streamErr == nil) {
			t.Fatalf("whole: %v, stream: %v", wholeErr, streamErr)
		}
		if wholeErr == nil && sha256.Sum256(whole) != sha256.Sum256(stream) {
			t.Fatalf("whole: %q in %s, stream: %q in %s", whole, wholeCharset, stream, streamCharset)
		}
	})
}
