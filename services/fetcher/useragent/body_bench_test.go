package useragent

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

// page is 5 KiB of something like HTML.
func page() []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < 5<<10; i++ {
		b.WriteString("<li class=\"item\"><a href=\"/articles/")
		b.WriteByte(byte('a' + i%26))
		b.WriteString("?id=")
		b.WriteString(string(rune('0'+i%10)) + string(rune('0'+i*7%10)) + string(rune('0'+i*i%10)))
		b.WriteString("\">another one, für alle</a></li>\n")
	}
	return b.Bytes()[:5<<10]
}

func br(t testing.TB, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := brotli.NewWriterLevel(&buf, 2)
	_, err := w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buf.Bytes()
}

func zst(t testing.TB, b []byte, options ...zstd.EOption) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := zstd.NewWriter(&buf, append([]zstd.EOption{zstd.WithEncoderConcurrency(1)}, options...)...)
	require.NoError(t, err)
	_, err = w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buf.Bytes()
}

// BenchmarkBody counts the server, in the same process, too.
func BenchmarkBody(b *testing.B) {
	for name, body := range map[string][]byte{"identity": page(), "gzip": zip(b, page()), "br": br(b, page()), "zstd": zst(b, page())} {
		b.Run(name, func(b *testing.B) {
			s := site(b, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{"text/html; charset=utf-8"}
				if name != "identity" {
					w.Header()["Content-Encoding"] = []string{name}
				}
				_, _ = w.Write(body)
			})
			a := agent(b)
			b.SetParallelism(64)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := get(b, a, s.URL); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkOpen is what reading and decoding a body costs without a network.
func BenchmarkOpen(b *testing.B) {
	a := agent(b)
	for name, body := range map[string][]byte{"identity": page(), "gzip": zip(b, page()), "br": br(b, page()), "zstd": zst(b, page())} {
		header := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
		if name != "identity" {
			header["Content-Encoding"] = []string{name}
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, body, err := open(b.Context(), b, a, header, bytes.NewReader(body), Want{})
				if err != nil {
					b.Fatal(err)
				}
				body.Close()
			}
		})
	}
}
