package host

import (
	"bytes"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const goodToken = "0123456789abcdef"

func tokenFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

var (
	loopback   = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
	everywhere = &net.TCPAddr{IP: net.IPv4zero, Port: 8080}
	api        = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
)

func TestAccess(t *testing.T) {
	discard := slog.New(slog.DiscardHandler)
	ask := func(t *testing.T, h http.Handler, authorization string) *http.Response {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/v1/results", nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	t.Run("needs no token on the loopback interface", func(t *testing.T) {
		h, err := Access{}.Guard(loopback, discard, api)
		require.NoError(t, err)
		require.Equal(t, 204, ask(t, h, "").StatusCode)
	})
	t.Run("is not open to other machines without a token", func(t *testing.T) {
		for _, addr := range []net.Addr{everywhere, &net.TCPAddr{IP: net.IPv6unspecified}, &net.TCPAddr{IP: net.IPv4(192, 168, 0, 7)}} {
			_, err := Access{}.Guard(addr, discard, api)
			require.ErrorIs(t, err, ErrOpen)
			require.ErrorContains(t, err, "--http-token-file")
			require.ErrorContains(t, err, "--http-open")
		}
	})
	t.Run("is open if somebody says so", func(t *testing.T) {
		h, err := Access{Open: true}.Guard(everywhere, discard, api)
		require.NoError(t, err)
		require.Equal(t, 204, ask(t, h, "").StatusCode)
	})
	t.Run("asks for a token where there is one, on the loopback interface too", func(t *testing.T) {
		for _, addr := range []net.Addr{loopback, everywhere} {
			h, err := Access{TokenFile: tokenFile(t, goodToken+"\n"), Open: true}.Guard(addr, discard, api)
			require.NoError(t, err)
			require.Equal(t, 204, ask(t, h, "Bearer "+goodToken).StatusCode)
			require.Equal(t, 204, ask(t, h, "bearer  "+goodToken).StatusCode)
			for authorization, challenge := range map[string]string{
				"": `Bearer realm="fetchmill"`, "Basic " + goodToken: `Bearer realm="fetchmill"`, goodToken: `Bearer realm="fetchmill"`,
				"Bearer": `Bearer realm="fetchmill", error="invalid_token"`, "Bearer x": `Bearer realm="fetchmill", error="invalid_token"`,
				"Bearer " + goodToken + "0": `Bearer realm="fetchmill", error="invalid_token"`, "Bearer " + goodToken[:15]: `Bearer realm="fetchmill", error="invalid_token"`,
			} {
				resp := ask(t, h, authorization)
				require.Equal(t, 401, resp.StatusCode, authorization)
				require.Equal(t, challenge, resp.Header.Get("WWW-Authenticate"), authorization)
				require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
			}
		}
	})
	t.Run("takes any of several tokens, so that they can be changed one after the other", func(t *testing.T) {
		h, err := Access{TokenFile: tokenFile(t, "# the new one\n"+strings.Repeat("n", 20)+"\n\n"+goodToken+"\r\n")}.Guard(everywhere, discard, api)
		require.NoError(t, err)
		for _, token := range []string{goodToken, strings.Repeat("n", 20)} {
			require.Equal(t, 204, ask(t, h, "Bearer "+token).StatusCode)
		}
	})
	for name, text := range map[string]string{
		"nothing": "", "only a comment": "# token\n", "a short one": "short\n", "a space": "0123456789 abcdef", "other characters": strings.Repeat("é", 16),
		"too much": strings.Repeat(goodToken+"\n", 5000),
	} {
		t.Run("refuses a file with "+name+", and does not show it", func(t *testing.T) {
			_, err := Access{TokenFile: tokenFile(t, text)}.Guard(everywhere, discard, api)
			require.ErrorContains(t, err, "--http-token-file")
			require.NotContains(t, err.Error(), "abcdef")
		})
	}
	t.Run("refuses a file that is not there", func(t *testing.T) {
		_, err := Access{TokenFile: filepath.Join(t.TempDir(), "missing")}.Guard(loopback, discard, api)
		require.ErrorContains(t, err, "missing")
	})
	t.Run("warns of a file that everybody can read", func(t *testing.T) {
		file := tokenFile(t, goodToken)
		require.NoError(t, os.Chmod(file, 0o644))
		var log bytes.Buffer
		_, err := Access{TokenFile: file}.Guard(everywhere, slog.New(slog.NewTextHandler(&log, nil)), api)
		require.NoError(t, err)
		require.Contains(t, log.String(), "chmod o-r")
		require.NotContains(t, log.String(), goodToken)
	})
}

func FuzzTokens(f *testing.F) {
	for _, seed := range []string{"", goodToken, "# x\n" + goodToken, "short", "\xff\x00"} {
		f.Add([]byte(seed), seed)
	}
	f.Fuzz(func(t *testing.T, text []byte, token string) {
		list, err := parseTokens(text)
		if err != nil {
			return
		}
		if list.good(token) && !bytes.Contains(text, []byte(token)) {
			t.Fatalf("%q is good, and not in %q", token, text)
		}
	})
}
