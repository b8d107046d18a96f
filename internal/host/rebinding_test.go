package host

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLocalOnly(t *testing.T) {
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	status := func(addr net.Addr, hostHeader string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/results", http.NoBody)
		r.Host = hostHeader
		w := httptest.NewRecorder()
		localOnly(addr, ok).ServeHTTP(w, r)
		return w.Code
	}
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
	for _, name := range []string{"", "localhost", "localhost:8080", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080", "[::1]", "[::ffff:127.0.0.1]:1"} {
		require.Equal(t, http.StatusNoContent, status(loopback, name), name)
	}
	for _, name := range []string{"evil.example", "evil.example:8080", "localhost.evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1:8080", "[::2]:80", "[", "a:b:c"} {
		require.Equal(t, http.StatusMisdirectedRequest, status(loopback, name), name)
	}
	anywhere := &net.TCPAddr{IP: net.IPv4zero, Port: 8080}
	require.Equal(t, http.StatusNoContent, status(anywhere, "fetchmill.example"), "a server for others has names that it cannot know")
}
