package useragent

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func zip(t testing.TB, b []byte) []byte {
	t.Helper()
	return zipLevel(t, b, gzip.BestSpeed)
}

func zipLevel(t testing.TB, b []byte, level int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, level)
	require.NoError(t, err)
	_, err = w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buf.Bytes()
}

// sized makes a Network with a limit of 1000 bytes, and a site that answers with body.
func sized(t *testing.T, handler http.HandlerFunc) (*Agent, string) {
	t.Helper()
	return agent(t, func(c *Config) { c.MaxBodyBytes = 1000 }), site(t, handler).URL
}

func TestGet_caps_a_body(t *testing.T) {
	a, url := sized(t, func(w http.ResponseWriter, r *http.Request) {
		size, _ := strconv.Atoi(r.URL.Query().Get("n"))
		if r.URL.Query().Has("chunked") {
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = w.Write(bytes.Repeat([]byte("x"), size))
	})
	for _, kind := range []string{"", "&chunked"} {
		for _, size := range []int{0, 1, 999, 1000} {
			out, err := get(t, a, fmt.Sprint(url, "/?n=", size, kind))
			require.NoError(t, err)
			require.Len(t, out.Body, size)
			require.EqualValues(t, size, out.Fetch.Bytes)
		}
		for _, size := range []int{1001, 5000, 1 << 20} {
			out, err := get(t, a, fmt.Sprint(url, "/?n=", size, kind))
			fails(t, err, events.ReasonTooLarge, false)
			require.Empty(t, out.Body)
			require.Equal(t, 200, out.Fetch.Status)
		}
	}
}

func TestGet_unzips_and_caps_what_comes_out(t *testing.T) {
	bomb := zip(t, make([]byte, 16<<20))
	a, url := sized(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "gzip, br, zstd", r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "gzip")
		switch r.URL.Path {
		case "/bomb":
			_, _ = w.Write(bomb)
		case "/full":
			_, _ = w.Write(zip(t, bytes.Repeat([]byte("y"), 1000)))
		case "/over":
			_, _ = w.Write(zip(t, bytes.Repeat([]byte("y"), 1001)))
		case "/incompressible":
			_, _ = w.Write(append(zip(t, []byte("a")), zip(t, []byte("b"))...))
		}
	})
	out, err := get(t, a, url+"/full")
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("y", 1000), string(out.Body))
	require.EqualValues(t, 1000, out.Fetch.Bytes, "bytes are counted after decoding")
	out, err = get(t, a, url+"/incompressible")
	require.NoError(t, err)
	require.Equal(t, "ab", string(out.Body))
	out, err = get(t, a, url+"/empty")
	require.NoError(t, err)
	require.Empty(t, out.Body)
	for _, path := range []string{"/bomb", "/over"} {
		_, err = get(t, a, url+path)
		fails(t, err, events.ReasonTooLarge, false)
	}
}

func TestGet_refuses_an_encoding_that_it_cannot_decode(t *testing.T) {
	var encoding string
	var body []byte
	a, url := sized(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", encoding)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
	whole := zip(t, []byte("some text that is long enough to be cut"))
	for _, c := range []struct {
		encoding string
		body     []byte
	}{{"compress", []byte("x")}, {"gzip, x-gzip", whole}, {"gzip, br, gzip, br", whole}, {"br", []byte("\xffx")}, {"zstd", []byte("not zstd")}, {"gzip", []byte("not gzip")}, {"gzip", whole[:20]}, {"gzip", []byte{0x1f}}, {"gzip", append(whole[:len(whole):len(whole)], "rest"...)}} {
		encoding, body = c.encoding, c.body
		_, err := get(t, a, url)
		fails(t, err, events.ReasonProtocol, true)
	}
	for _, encoding = range []string{"", "identity", "x-gzip"} {
		body = whole
		_, err := get(t, a, url)
		require.NoError(t, err, encoding)
	}
	encoding, body = "compress", []byte("raw")
	out, err := get(t, a, url, headers{"accept-encoding": "compress"})
	require.NoError(t, err)
	require.Equal(t, "raw", string(out.Body), "who asks for an encoding gets what comes")
}
