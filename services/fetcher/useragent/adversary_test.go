package useragent

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// speaker is a server that answers every request with what speak writes, which returns when the client has gone.
func speaker(t *testing.T, speak func(net.Conn)) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	conns := make(map[net.Conn]bool)
	var mu sync.Mutex
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[c] = true
			mu.Unlock()
			all.Go(func() {
				defer c.Close()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					speak(c)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return "http://" + l.Addr().String()
}

// endless writes something again and again until the client has had enough.
func endless(w io.Writer, what string) {
	b := []byte(what)
	for {
		if _, err := w.Write(b); err != nil {
			return
		}
	}
}

// drip writes a byte at a time until the client has had enough.
func drip(w io.Writer, what string) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		if _, err := io.WriteString(w, what[i%len(what):][:1]); err != nil {
			return
		}
		<-tick.C
	}
}

func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

const ok = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"

var window16 = zstd.WithWindowSize(16 << 20)

func TestGet_is_not_hurt_by_a_hostile_server(t *testing.T) {
	repeat := strings.Repeat
	bomb := make([]byte, 48<<20) // more than may be allocated below
	gzipBomb, brBomb, zstdBomb := zipLevel(t, bomb, gzip.DefaultCompression), br(t, bomb), zst(t, bomb)
	encoded := func(encoding string, body []byte) func(net.Conn) {
		return func(w net.Conn) {
			fmt.Fprintf(w, "%sContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n", ok, encoding, len(body))
			_, _ = w.Write(body)
		}
	}
	for name, c := range map[string]struct {
		speak     func(net.Conn)
		reason    events.Reason
		temporary bool
		text      string
	}{
		"a header that drips": {func(w net.Conn) { drip(w, "HTTP/1.1 200 OK\r\n"+repeat("X-A: b\r\n", 100)) }, events.ReasonTimeout, true, "sends too slowly"},
		"a body that drips":   {func(w net.Conn) { _, _ = io.WriteString(w, ok+"\r\n"); drip(w, "x") }, events.ReasonTimeout, true, "sends too slowly"},
		"a body that stops": {func(w net.Conn) {
			_, _ = io.WriteString(w, ok+"Content-Length: 9\r\n\r\nx")
			_, _ = io.Copy(io.Discard, w)
		}, events.ReasonTimeout, true, "sends too slowly"},
		"chunk sizes that drip": {func(w net.Conn) {
			_, _ = io.WriteString(w, ok+"Transfer-Encoding: chunked\r\n\r\n")
			drip(w, "1\r\nx\r\n")
		}, events.ReasonTimeout, true, "sends too slowly"},
		"a header of a gigabyte":        {func(w net.Conn) { _, _ = io.WriteString(w, ok+"X-A: "); endless(w, repeat("a", 64<<10)) }, events.ReasonTooLarge, false, "header"},
		"headers without end":           {func(w net.Conn) { _, _ = io.WriteString(w, ok); endless(w, repeat("X-A: b\r\n", 1000)) }, events.ReasonTooLarge, false, "header"},
		"a status line without end":     {func(w net.Conn) { endless(w, repeat("HTTP/1.1 ", 1000)) }, events.ReasonTooLarge, false, "header"},
		"informational answers forever": {func(w net.Conn) { endless(w, repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 500)) }, events.ReasonTooLarge, false, "header"},
		"a body without end":            {func(w net.Conn) { _, _ = io.WriteString(w, ok+"\r\n"); endless(w, repeat("x", 64<<10)) }, events.ReasonTooLarge, false, "more than"},
		"chunks without end": {func(w net.Conn) {
			_, _ = io.WriteString(w, ok+"Transfer-Encoding: chunked\r\n\r\n")
			endless(w, repeat("10\r\n0123456789abcdef\r\n", 1000))
		}, events.ReasonTooLarge, false, "more than"},
		"chunk extensions without end": {func(w net.Conn) {
			_, _ = io.WriteString(w, ok+"Transfer-Encoding: chunked\r\n\r\n1")
			endless(w, repeat(";a=b", 1000))
		}, events.ReasonProtocol, true, "too long"},
		"many long chunk extensions": {func(w net.Conn) {
			_, _ = io.WriteString(w, ok+"Transfer-Encoding: chunked\r\n\r\n")
			endless(w, "1;"+repeat("a", 2000)+"\r\nx\r\n")
		}, events.ReasonProtocol, true, "chunked"},
		"trailers without end": {func(w net.Conn) {
			_, _ = io.WriteString(w, ok+"Transfer-Encoding: chunked\r\nTrailer: A\r\n\r\n1\r\nx\r\n0\r\n")
			endless(w, repeat("A: b\r\n", 1000))
		}, events.ReasonProtocol, true, "trailer"},
		"a bomb of gzip":   {encoded("gzip", gzipBomb), events.ReasonTooLarge, false, "decompression bomb"},
		"a bomb of brotli": {encoded("br", brBomb), events.ReasonTooLarge, false, "decompression bomb"},
		"a bomb of zstd":   {encoded("zstd", zstdBomb), events.ReasonTooLarge, false, "decompression bomb"},
		"a bomb in a bomb": {encoded("gzip, gzip", zip(t, gzipBomb)), events.ReasonTooLarge, false, "decompression bomb"},
		"nothing, zipped without end": {func(w net.Conn) {
			_, _ = io.WriteString(w, ok+"Content-Encoding: gzip\r\n\r\n")
			endless(w, repeat(string(zip(t, nil)), 1000))
		}, events.ReasonTooLarge, false, "were in them"},
		"nothing, in zstd without end": {func(w net.Conn) {
			_, _ = io.WriteString(w, ok+"Content-Encoding: zstd\r\n\r\n")
			endless(w, repeat("\x50\x2a\x4d\x18\x00\x04\x00\x00"+repeat("x", 1024), 10))
		}, events.ReasonTooLarge, false, "were in them"},
		"a window of zstd that is too large": {encoded("zstd", zst(t, bytes.Repeat([]byte("0123456789abcdef"), 4<<20), window16)), events.ReasonTooLarge, false, "memory"},
	} {
		t.Run(name, func(t *testing.T) {
			url := speaker(t, c.speak)
			most := int64(2 << 20)
			if c.text == "decompression bomb" {
				most = 64 << 20
			}
			window := time.Minute // this machine may be slow
			if c.reason == events.ReasonTimeout {
				window = 300 * time.Millisecond
			}
			a := agent(t, func(c *Config) {
				c.MinRateWindow, c.MinBytesPerSecond, c.MaxBodyBytes = window, 2000, most
			})
			// Decoders are kept from body to body, so the first may cost more.
			for range 2 {
				before := allocated()
				b, err := read(t, a, url)
				fails(t, err, c.reason, c.temporary)
				require.ErrorContains(t, err, c.text)
				require.Less(t, b, int64(16<<20))
				require.Less(t, allocated()-before, uint64(40<<20))
			}
		})
	}
}

// read fetches a URL and throws the body away as it comes. It returns how many bytes the facts tell.
func read(t *testing.T, a *Agent, url string) (int64, error) {
	t.Helper()
	x, err := a.Exchange(Request{URL: url})
	require.NoError(t, err)
	defer x.Facts()
	resp, err := x.Send(t.Context(), http.MethodGet)
	if err != nil {
		return 0, err
	}
	b, err := x.Open(t.Context(), resp, Want{Inline: 4 << 10})
	if err != nil {
		return x.Facts().Bytes, err
	}
	defer b.Close()
	n, err := io.Copy(io.Discard, b)
	require.Equal(t, n, x.Facts().Bytes, "bytes are told although it has failed")
	return n, err
}
