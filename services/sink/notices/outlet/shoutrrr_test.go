package outlet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/porttest"
	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func shoutrrr(t *testing.T, url string, change ...func(*ShoutrrrConfig)) *Shoutrrr {
	t.Helper()
	cfg := ShoutrrrConfig{URL: secret.New(url), Timeout: time.Minute, Helper: helper("guarded")}
	for _, c := range change {
		c(&cfg)
	}
	s, err := NewShoutrrr(cfg)
	require.NoError(t, err)
	return s
}

func TestShoutrrr(t *testing.T) {
	ntfy := func(address string) string {
		return strings.Replace(address, "http://", "ntfy://user:s3cr3t-w0rd@", 1) + "/s3cr3t-topic?scheme=http"
	}
	t.Run("arrives", func(t *testing.T) {
		got := make(chan received, 1)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got <- received{r.Header.Clone(), body}
			_, _ = w.Write([]byte(`{"id":"1"}`))
		}))
		defer s.Close()
		m := message("shop")
		m.Text += " @everyone"
		require.NoError(t, shoutrrr(t, ntfy(s.URL)).Send(t.Context(), m))
		r := <-got
		require.Contains(t, string(r.body), "shop is down")
		require.Contains(t, string(r.body), "@\u200beveryone", "nobody else is called")
		require.Equal(t, "DOWN: shop", r.header.Get("Title"))
		require.Contains(t, r.header.Get("Authorization"), "Basic ")
	})
	for status, refused := range map[int]bool{401: false, 404: false, 413: true, 429: false, 503: false} {
		t.Run(http.StatusText(status)+" is told, without secrets", func(t *testing.T) {
			s, _ := receiver(t, status, "Retry-After", "7")
			f := failure(t, shoutrrr(t, ntfy(s.URL)).Send(t.Context(), message("shop")))
			require.Equal(t, events.ReasonHTTPStatus, f.Reason, f.Error())
			require.Equal(t, refused, f.Refused)
			require.Equal(t, 7*time.Second, f.RetryAfter)
		})
	}
	t.Run("a service that has no error when there is no connection is not believed", func(t *testing.T) {
		s := shoutrrr(t, samples["telegram"], func(c *ShoutrrrConfig) { c.Helper = helper("recorded") })
		require.NoError(t, s.Send(t.Context(), message("shop")), "the process of the test has seen the failure")
	})
	t.Run("nobody there", func(t *testing.T) {
		f := failure(t, shoutrrr(t, ntfy("http://"+porttest.FreeAddress(t))).Send(t.Context(), message("shop")))
		require.Equal(t, events.ReasonConnect, f.Reason, f.Error())
	})
	t.Run("fetchmill's own address is refused in the other process, too", func(t *testing.T) {
		s, got := receiver(t, 200)
		f := failure(t, shoutrrr(t, ntfy(s.URL), func(c *ShoutrrrConfig) {
			c.Reach.Own = append(c.Reach.Own, addrPort(t, s.URL))
		}).Send(t.Context(), message("shop")))
		require.Equal(t, events.ReasonForbiddenTarget, f.Reason, f.Error())
		require.Empty(t, got)
	})
	t.Run("an answer that does not come in time", func(t *testing.T) {
		release := make(chan struct{})
		s, _ := receiver(t, 200)
		s.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })
		defer close(release)
		f := failure(t, shoutrrr(t, ntfy(s.URL), func(c *ShoutrrrConfig) { c.Timeout = 200 * time.Millisecond }).Send(t.Context(), message("shop")))
		require.Equal(t, events.ReasonTimeout, f.Reason, f.Error())
	})
	t.Run("a process that dies", func(t *testing.T) {
		s := shoutrrr(t, "ntfy://ntfy.example.com/s3cr3t-topic", func(c *ShoutrrrConfig) {
			c.Helper = func(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, "/bin/false") }
		})
		f := failure(t, s.Send(t.Context(), message("shop")))
		require.Equal(t, events.ReasonInternal, f.Reason)
	})
}

func TestNewShoutrrr_tells_what_is_wrong_without_secrets(t *testing.T) {
	for url, want := range map[string]string{
		"":                             "write a URL of shoutrrr",
		"s3cr3t":                       "write a URL of shoutrrr",
		"https://hooks.example/s3cr3t": "write a URL of shoutrrr",
		"smtp://a:s3cr3t@b":            "write email instead",
		"generic://s3cr3t":             "write webhook instead",
		"slack://s3cr3t":               "this is no URL for slack",
		"telegram://s3cr3t":            "this is no URL for telegram",
		"discord://s3cr3t":             "this is no URL for discord",
	} {
		_, err := NewShoutrrr(ShoutrrrConfig{URL: secret.New(url)})
		require.ErrorContains(t, err, want, url)
		require.NotContains(t, err.Error(), "s3cr3t", url)
	}
}

// samples has a URL for each service that can be used.
var samples = map[string]string{
	"bark":       "bark://:devicekey@bark.example.com",
	"discord":    "discord://tokentoken@123456789012345678",
	"googlechat": "googlechat://chat.googleapis.com/v1/spaces/FOO/messages?key=bar&token=baz",
	"gotify":     "gotify://gotify.example.com/Aaa.bbb.ccc.ddd",
	"hangouts":   "hangouts://chat.googleapis.com/v1/spaces/FOO/messages?key=bar&token=baz",
	"ifttt":      "ifttt://dummyID/?events=event1",
	"join":       "join://Token:apikey@join?devices=dev1",
	"lark":       "lark://open.larksuite.com/token?secret=sss",
	"matrix":     "matrix://:token@matrix.example.com?rooms=room1",
	"mattermost": "mattermost://mattermost.example.com/thisshouldbeanapitoken/channel",
	"notifiarr":  "notifiarr://apikey123?channel=123456789",
	"ntfy":       "ntfy://ntfy.example.com/topic",
	"opsgenie":   "opsgenie://api.opsgenie.com/eb243592-faa2-4ba2-a551-1afdf565c889",
	"pagerduty":  "pagerduty://events.pagerduty.com/eb243592faa24ba2a5511afdf565c889?severity=critical&source=x&action=trigger",
	"pushbullet": "pushbullet://tokentokentokentokentokentokentoke/device",
	"pushover":   "pushover://:apptoken@usertoken",
	"rocketchat": "rocketchat://rocketchat.example.com/tokenA/tokenB/channel",
	"signal":     "signal://signal.example.com:8080/+1234567890/+0987654321",
	"slack":      "slack://hook:AAAAAAAAA-BBBBBBBBB-123456789123456789123456@webhook",
	"teams":      "teams://11111111-4444-4444-8444-cccccccccccc@22222222-4444-4444-8444-cccccccccccc/33333301222222222233333333333344/44444444-4444-4444-8444-cccccccccccc/V2ESyij_gAljSoUQHvZoZYzlpAoAXExyOl26dlf1xHEx05?host=test.webhook.office.com",
	"telegram":   "telegram://123456789:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr@telegram?chats=@channel",
	"wecom":      "wecom://693a91f6-7a0c-4bc4-97a0-0ec2f5faa5aa",
	"zulip":      "zulip://bot%40example.com:correcthorsebatterystable@example.zulipchat.com?stream=foo&topic=bar",
}

// recorder answers all requests itself, and nothing else gets out: names are not resolved.
type recorder struct {
	mu   sync.Mutex
	text string
	n    int
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	if req.Body != nil {
		data, _ := io.ReadAll(req.Body)
		r.text += string(data)
	}
	r.text += req.URL.String() + fmt.Sprint(req.Header)
	return nil, errors.New("recorded")
}

// record is the process of the test below.
func record() int {
	var o order
	if json.NewDecoder(os.Stdin).Decode(&o) != nil {
		return 1
	}
	r := new(recorder)
	result := shout(context.Background(), o, r)
	if r.n == 0 || !strings.Contains(result.Error, "recorded") {
		result = outcome{Reason: events.ReasonInternal, Error: "the transport saw nothing: " + result.Error}
	} else {
		result = outcome{Sent: true}
	}
	_ = json.NewEncoder(os.Stdout).Encode(result)
	return 0
}

// A new version of the library may have services, or transports in them, that the guard does not know.
func TestEvery_service_goes_through_the_guard(t *testing.T) {
	var known []string
	for name := range elsewhere {
		known = append(known, name)
	}
	require.ElementsMatch(t, new(router.ServiceRouter).ListServices(), append(known, Services()...))
	for _, name := range Services() {
		t.Run(name, func(t *testing.T) {
			require.NotEmpty(t, samples[name])
			s := shoutrrr(t, samples[name], func(c *ShoutrrrConfig) { c.Helper = helper("recorded") })
			require.NoError(t, s.Send(t.Context(), message("shop")))
		})
	}
}
