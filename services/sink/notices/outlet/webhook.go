package outlet

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/internal/web"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	// maxRetryAfter is how long a receiver can make a channel wait.
	maxRetryAfter = time.Hour
	// maxAnswer is how much of an answer is read, so that the connection can be used again.
	maxAnswer = 64 << 10
)

// WebhookConfig says where a webhook goes.
type WebhookConfig struct {
	URL     secret.Secret // http or https; services put keys into it
	Keys    [][]byte      // each signs; more than one while a key is replaced
	Header  map[string]secret.Secret
	Timeout time.Duration
	Trust   Trust
	Reach   Reach
}

// Webhook posts messages as Standard Webhooks has them (https://www.standardwebhooks.com, specification 1.0.0): JSON with type,
// timestamp and data, and the headers webhook-id, webhook-timestamp and webhook-signature.
type Webhook struct {
	cfg    WebhookConfig
	client *http.Client
	hide   func(string) string
}

// NewWebhook makes a webhook; the configuration must be one that the operator's file can have.
func NewWebhook(cfg WebhookConfig) (*Webhook, error) {
	u, err := url.Parse(cfg.URL.Reveal())
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("the address is no URL")
	}
	g, err := newGuard(cfg.Reach, u.Hostname())
	if err != nil {
		return nil, err
	}
	secrets := []string{u.String(), u.RequestURI(), u.Path, u.RawQuery}
	if u.User != nil {
		secrets = append(secrets, u.User.String())
	}
	for _, v := range cfg.Header {
		secrets = append(secrets, v.Reveal())
	}
	return &Webhook{cfg: cfg, hide: secret.Hide(secrets...).Replace, client: &http.Client{
		Transport: g.transport(cfg.Timeout, cfg.Trust.config(u.Hostname())), Timeout: cfg.Timeout,
		// A receiver that has moved has to be entered anew: what is signed for one goes to no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Audience is the same for all notices.
func (*Webhook) Audience(*events.Notice) (string, error) { return "", nil }

// Close lets go of idle connections.
func (w *Webhook) Close() { w.client.CloseIdleConnections() }

// body is what is posted. Receivers know the type before they read the data.
type body struct {
	Type      string    `json:"type"`      // "notice." and the kind, or "notice.digest"
	Timestamp time.Time `json:"timestamp"` // when it was decided
	Data      any       `json:"data"`      // the notice, or a digest
	Subject   string    `json:"subject"`   // as templates have it
	Text      string    `json:"text"`      // likewise
}

type digest struct {
	Notices []*events.Notice `json:"notices"`
}

// Send posts a message once.
func (w *Webhook) Send(ctx context.Context, m Message) error {
	b := body{Type: "notice." + string(m.Notices[0].Kind), Timestamp: m.At.UTC(), Data: m.Notices[0], Subject: m.Subject, Text: m.Text}
	if m.Digest() {
		b.Type, b.Data = "notice.digest", digest{m.Notices}
	}
	data, err := json.Marshal(b)
	if err != nil {
		return &Failure{Err: err, Reason: events.ReasonInternal, Refused: true}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.cfg.URL.Reveal(), bytes.NewReader(data))
	if err != nil {
		return &Failure{Err: errors.New(w.hide(err.Error())), Reason: events.ReasonInternal}
	}
	for name, value := range w.cfg.Header {
		req.Header.Set(name, value.Reveal())
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "fetchmill")
	sign(req.Header, w.cfg.Keys, m.ID, time.Now(), data)
	resp, err := w.client.Do(req)
	if err != nil {
		return troubled(bare(err), w.hide)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	return judge(resp, w.hide)
}

// sign sets the headers of Standard Webhooks. The time is that of the attempt, so that receivers can refuse what is replayed.
func sign(h http.Header, keys [][]byte, id string, at time.Time, data []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", stamp)
	var signatures []string
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, stamp, data) // a hash never fails
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	if len(signatures) > 0 {
		h.Set("Webhook-Signature", strings.Join(signatures, " "))
	}
}

// judge says what an answer means, and reads it to its end.
func judge(resp *http.Response, hide func(string) string) error {
	said, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	after := web.RetryAfter(resp.Header.Get("Retry-After"), time.Now(), maxRetryAfter)
	return statusFailure(resp.StatusCode, after, hide(excerpt(said)))
}

// bare takes the address off an error of the HTTP client: it may have keys in it.
func bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// excerpt is the beginning of what a receiver said, on one line.
func excerpt(said []byte) string {
	const most = 200
	text := strings.Join(strings.Fields(strings.Map(printable, strings.ToValidUTF8(string(said), "\uFFFD"))), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// Key reads a signing key of Standard Webhooks: base64, with or without whsec_ before it, of 24 to 64 bytes.
func Key(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
	if err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("write whsec_ and base64 of 24 to 64 random bytes; make one with: echo whsec_$(openssl rand -base64 32)")
	}
	return key, nil
}

// ours are headers that a channel cannot set.
var ours = []string{"Content-Type", "Content-Length", "Host", "Transfer-Encoding", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"}

// ReservedHeader tells whether a header is set by the outlet itself.
func ReservedHeader(name string) bool {
	return slices.Contains(ours, http.CanonicalHeaderKey(name))
}
