package politeness

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHostOf(t *testing.T) {
	for _, row := range []struct{ url, want string }{
		{"http://example.com/x", "example.com:80"},
		{"https://example.com", "example.com:443"},
		{"https://EXAMPLE.com.:443/", "example.com:443"},
		{"http://example.com:443", "example.com:443"},
		{"http://example.com:08080", "example.com:8080"},
		{"http://[2001:DB8:0:0::1]/", "[2001:db8::1]:80"},
		{"https://[2001:db8::1]:8443/", "[2001:db8::1]:8443"},
		{"http://[::ffff:192.0.2.1]/", "192.0.2.1:80"},
		{"http://[fe80::1%25eth0]/", "[fe80::1%eth0]:80"},
		{"http://bücher.example/", "xn--bcher-kva.example:80"},
		{"http://BÜCHER.example/", "xn--bcher-kva.example:80"},
		{"http://under_score.example/", "under_score.example:80"},
	} {
		t.Run(row.url, func(t *testing.T) {
			u, err := url.Parse(row.url)
			require.NoError(t, err)
			require.Equal(t, row.want, HostOf(u))
			require.True(t, validHost(row.want))
		})
	}
	for _, bad := range []string{
		"", "example.com", ":80", "example.com:", "example.com:0", "example.com:65536", "Example.com:80", "example.com:080",
		"a b:80", "a\nb:80", "2001:db8::1:80", "[2001:DB8::1]:80", "bücher.example:80", strings.Repeat("a", 254) + ":80",
	} {
		t.Run("nobody is believed about "+bad, func(t *testing.T) { require.False(t, validHost(bad)) })
	}
}

func TestSite(t *testing.T) {
	for host, want := range map[string]string{
		"www.example.com:443": "example.com", "example.com:80": "example.com", "a.b.example.co.uk:80": "example.co.uk",
		"com:80": "com", "localhost:8080": "localhost", "192.0.2.1:80": "192.0.2.1", "[2001:db8::1]:443": "2001:db8::1", "odd": "odd",
	} {
		require.Equal(t, want, site(host), host)
	}
}

func FuzzHostOf(f *testing.F) {
	for _, s := range []string{"http://example.com", "https://[::1]:443", "http://bücher.example:1", "http://[fe80::1%25a]", "http://a.:80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := url.Parse(s)
		if err != nil {
			return
		}
		host := HostOf(u)
		require.Equal(t, strings.ToLower(host), host, "one spelling")
	})
}
