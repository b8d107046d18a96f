package outlet

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/porttest"
	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/pkg/events"
)

var hookKey = "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))

type received struct {
	header http.Header
	body   []byte
}

// receiver is an HTTP server that answers with a status and keeps what it got.
func receiver(t *testing.T, status int, header ...string) (*httptest.Server, chan received) {
	t.Helper()
	got := make(chan received, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- received{r.Header.Clone(), body}
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte("no: " + r.URL.Path + "\x1b[0m\n" + strings.Repeat("x", 300)))
	}))
	t.Cleanup(s.Close)
	return s, got
}

func webhook(t *testing.T, url string, change ...func(*WebhookConfig)) *Webhook {
	t.Helper()
	key, err := Key(hookKey)
	require.NoError(t, err)
	cfg := WebhookConfig{URL: secret.New(url), Keys: [][]byte{key}, Timeout: time.Minute}
	for _, c := range change {
		c(&cfg)
	}
	w, err := NewWebhook(cfg)
	require.NoError(t, err)
	t.Cleanup(w.Close)
	return w
}

func TestWebhook(t *testing.T) {
	verify := func(t *testing.T, key string, r received) {
		t.Helper()
		reader, err := standardwebhooks.NewWebhook(key)
		require.NoError(t, err)
		require.NoError(t, reader.Verify(r.body, r.header))
	}
	t.Run("is signed so that others can verify it", func(t *testing.T) {
		s, got := receiver(t, 204)
		require.NoError(t, webhook(t, s.URL+"/s3cr3t-path").Send(t.Context(), message("shop")))
		r := <-got
		verify(t, hookKey, r)
		require.Equal(t, message("shop").ID, r.header.Get("webhook-id"))
		require.Equal(t, "application/json", r.header.Get("Content-Type"))
		var b struct {
			Type      string
			Timestamp time.Time
			Data      events.Notice
			Subject   string
		}
		require.NoError(t, json.Unmarshal(r.body, &b))
		require.Equal(t, "notice.down", b.Type)
		require.Equal(t, noon, b.Timestamp)
		require.Equal(t, *notice("shop"), b.Data)
		require.Equal(t, "DOWN: shop", b.Subject)
	})
	t.Run("has the same id when it is sent again, and another time", func(t *testing.T) {
		s, got := receiver(t, 200)
		w := webhook(t, s.URL)
		require.NoError(t, w.Send(t.Context(), message("shop")))
		require.NoError(t, w.Send(t.Context(), message("shop")))
		first, second := <-got, <-got
		require.Equal(t, first.header.Get("webhook-id"), second.header.Get("webhook-id"))
		require.Equal(t, first.body, second.body)
	})
	t.Run("can have two keys while one is replaced", func(t *testing.T) {
		s, got := receiver(t, 200)
		other := base64.StdEncoding.EncodeToString([]byte("another-key-another-key-another-"))
		require.NoError(t, webhook(t, s.URL, func(c *WebhookConfig) {
			key, err := Key(other)
			require.NoError(t, err)
			c.Keys = append(c.Keys, key)
		}).Send(t.Context(), message("shop")))
		r := <-got
		verify(t, hookKey, r)
		verify(t, other, r)
	})
	t.Run("sends a digest as a list", func(t *testing.T) {
		s, got := receiver(t, 200)
		m := message("shop")
		m.Notices = append(m.Notices, notice("mail"))
		require.NoError(t, webhook(t, s.URL, func(c *WebhookConfig) {
			c.Header = map[string]secret.Secret{"Authorization": secret.New("Bearer s3cr3t")}
		}).Send(t.Context(), m))
		r := <-got
		verify(t, hookKey, r)
		require.Equal(t, "Bearer s3cr3t", r.header.Get("Authorization"))
		var b struct {
			Type string
			Data struct{ Notices []events.Notice }
		}
		require.NoError(t, json.Unmarshal(r.body, &b))
		require.Equal(t, "notice.digest", b.Type)
		require.Len(t, b.Data.Notices, 2)
	})
}

func TestWebhook_failures(t *testing.T) {
	for status, refused := range map[int]bool{
		301: false, 307: false, 400: true, 401: false, 403: false, 404: false, 408: false, 410: true, 413: true, 422: true, 429: false, 500: false, 503: false,
	} {
		t.Run(http.StatusText(status)+" is told, without secrets", func(t *testing.T) {
			s, _ := receiver(t, status, "Retry-After", "7", "Location", "/elsewhere")
			f := failure(t, webhook(t, s.URL+"/s3cr3t-path").Send(t.Context(), message("shop")))
			require.Equal(t, events.ReasonHTTPStatus, f.Reason)
			require.Equal(t, refused, f.Refused)
			require.Equal(t, 7*time.Second, f.RetryAfter)
			require.NotContains(t, f.Error(), "\x1b")
			require.Less(t, len(f.Error()), 300)
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		f := failure(t, webhook(t, "http://"+porttest.FreeAddress(t)+"/s3cr3t").Send(t.Context(), message("shop")))
		require.Equal(t, events.ReasonConnect, f.Reason)
		require.False(t, f.Refused)
	})
	t.Run("no such name", func(t *testing.T) {
		f := failure(t, webhook(t, "http://hooks.invalid/s3cr3t").Send(t.Context(), message("shop")))
		require.Equal(t, events.ReasonDNS, f.Reason)
	})
	t.Run("a certificate that is not trusted", func(t *testing.T) {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		defer s.Close()
		f := failure(t, webhook(t, s.URL).Send(t.Context(), message("shop")))
		require.Equal(t, events.ReasonTLS, f.Reason)
	})
	t.Run("an answer that does not come in time", func(t *testing.T) {
		release := make(chan struct{})
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
		defer s.Close()
		defer close(release)
		f := failure(t, webhook(t, s.URL, func(c *WebhookConfig) { c.Timeout = 50 * time.Millisecond }).Send(t.Context(), message("shop")))
		require.Equal(t, events.ReasonTimeout, f.Reason)
	})
	t.Run("a context that ends", func(t *testing.T) {
		s, _ := receiver(t, 200)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.False(t, failure(t, webhook(t, s.URL).Send(ctx, message("shop"))).Refused)
	})
}

func TestReach(t *testing.T) {
	check := func(host, address string, r Reach) error {
		g, err := newGuard(r, host)
		require.NoError(t, err)
		return g.Control("tcp", address, nil)
	}
	lan := Reach{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	all := Reach{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
	own := Reach{Own: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:4222")}}
	for _, ok := range [][2]string{{"hooks.example.com", "93.184.216.34:443"}, {"10.1.2.3", "10.1.2.3:25"}, {"localhost", "127.0.0.1:25"}, {"LOCALHOST.", "[::1]:25"}, {"127.0.0.1", "127.0.0.1:25"}, {"[::1]", "[::1]:25"}} {
		require.NoError(t, check(ok[0], ok[1], own), ok)
	}
	require.NoError(t, check("mail.example.com", "10.1.2.3:25", lan))
	for _, bad := range []struct {
		host, address, why string
		reach              Reach
	}{
		{"hooks.example.com", "127.0.0.1:80", "allow_net", Reach{}},
		{"hooks.example.com", "10.1.2.3:80", "allow_net", Reach{}},
		{"10.1.2.4", "10.1.2.3:80", "allow_net", Reach{}},
		{"127.0.0.1", "127.0.0.1:4222", "fetchmill's own", own},
		{"169.254.169.254", "169.254.169.254:80", "no channel can", all},
		{"x", "[::ffff:169.254.169.254]:80", "no channel can", all},
		{"x", "[fe80::1%eth0]:80", "no channel can", all},
		{"x", "[fd00:ec2::254]:80", "no channel can", all},
		{"x", "100.100.100.200:80", "no channel can", all},
		{"x", "168.63.129.16:80", "no channel can", all},
	} {
		f := failure(t, check(bad.host, bad.address, bad.reach))
		require.Equal(t, events.ReasonForbiddenTarget, f.Reason)
		require.ErrorContains(t, f, bad.why, bad.address)
	}
	t.Run("holds for webhooks that lead to this machine by a name", func(t *testing.T) {
		g, err := newGuard(Reach{}, "hooks.example.com")
		require.NoError(t, err)
		s, got := receiver(t, 200)
		w := webhook(t, s.URL)
		w.client.Transport = g.transport(time.Second, nil) // as if the name had resolved to it
		f := failure(t, w.Send(t.Context(), message("shop")))
		require.Equal(t, events.ReasonForbiddenTarget, f.Reason)
		require.Empty(t, got)
	})
}

func TestKey(t *testing.T) {
	for _, text := range []string{hookKey, strings.TrimPrefix(hookKey, "whsec_")} {
		_, err := Key(text)
		require.NoError(t, err)
	}
	for _, text := range []string{"", "s3cr3t", "whsec_", "whsec_c2hvcnQ=", "whsec_" + strings.Repeat("AAAA", 40)} {
		_, err := Key(text)
		require.ErrorContains(t, err, "openssl rand")
		require.NotContains(t, err.Error(), "s3cr3t")
	}
}
