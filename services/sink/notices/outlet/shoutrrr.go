package outlet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"

	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// titled are the services of shoutrrr that are known to send through the transport that Shout gives them (a test shows it for each), and
// whether a title can be given to them beside the text.
var titled = map[string]bool{
	"bark": true, "discord": true, "googlechat": false, "gotify": true, "hangouts": false, "ifttt": true, "join": true, "lark": true,
	"matrix": true, "mattermost": false, "notifiarr": false, "ntfy": true, "opsgenie": true, "pagerduty": false, "pushbullet": true,
	"pushover": true, "rocketchat": false, "signal": false, "slack": true, "teams": true, "telegram": true, "wecom": false, "zulip": false,
}

// elsewhere are the services that are not used, and what is instead.
var elsewhere = map[string]string{
	"smtp":    "write email instead: it is sent again until it arrives",
	"generic": "write webhook instead: it is signed",
	"logger":  "it tells nobody",
}

// ShoutrrrConfig says which service is used, and how.
type ShoutrrrConfig struct {
	URL     secret.Secret // as https://shoutrrr.nickfedor.com describes them; it has the keys in it
	Timeout time.Duration
	Reach   Reach
	// Helper makes the process that sends a message: one that calls Shout with its standard streams.
	Helper func(ctx context.Context) *exec.Cmd
}

// Shoutrrr sends messages through the services that the library shoutrrr knows, such as ntfy, Slack, Discord and Telegram.
//
// A process of its own does that. The library's services make HTTP clients as they like, some without a time limit, some that go on
// trying for minutes after the call is given up, and none can be given a context: in a process, the guard takes the place of the
// transport that all of them use, and its end is theirs.
type Shoutrrr struct {
	cfg  ShoutrrrConfig
	hide func(string) string
}

// NewShoutrrr makes an outlet. Its errors tell what is wrong with the URL, without quoting it.
func NewShoutrrr(cfg ShoutrrrConfig) (*Shoutrrr, error) {
	scheme, err := service(cfg.URL.Reveal())
	if err != nil {
		return nil, err
	}
	s := &Shoutrrr{cfg: cfg, hide: secret.Hide(secretsOf(cfg.URL.Reveal())...).Replace}
	if scheme == "matrix" { // it logs in at once
		return s, nil
	}
	if _, err := new(router.ServiceRouter).Locate(cfg.URL.Reveal()); err != nil {
		return nil, fmt.Errorf("this is no URL for %s: %s", scheme, s.hide(err.Error()))
	}
	return s, nil
}

// service returns the name of the service that a URL is for.
func service(raw string) (string, error) {
	scheme, _, ok := strings.Cut(raw, "://")
	scheme, _, _ = strings.Cut(strings.ToLower(scheme), "+") // slack+https://…, the service's own address
	_, known := titled[scheme]
	switch {
	case ok && known:
		return scheme, nil
	case ok && elsewhere[scheme] != "":
		return "", fmt.Errorf("the service %s of shoutrrr is not used: %s", scheme, elsewhere[scheme])
	default:
		return "", errors.New("write a URL of shoutrrr such as ntfy://ntfy.sh/topic; its services are " + strings.Join(Services(), ", "))
	}
}

// Services lists the services of shoutrrr that can be used.
func Services() []string {
	list := make([]string, 0, len(titled))
	for name := range titled {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// secretsOf takes a URL apart: errors of services quote parts of it.
func secretsOf(raw string) []string {
	list := []string{raw}
	u, err := url.Parse(raw)
	if err != nil {
		return list
	}
	list = append(list, u.String(), u.RequestURI(), u.RawQuery, u.Fragment)
	if u.User != nil {
		password, _ := u.User.Password()
		list = append(list, u.User.Username(), password, u.User.String())
	}
	list = append(list, strings.Split(strings.Trim(u.Path, "/"), "/")...)
	for _, values := range u.Query() {
		list = append(list, values...)
	}
	if host := u.Hostname(); !strings.Contains(host, ".") && host != "localhost" {
		list = append(list, host) // a key in its place: discord://token@id
	}
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) }) // the longest first
	return list
}

// Audience is the same for all notices.
func (*Shoutrrr) Audience(*events.Notice) (string, error) { return "", nil }

// Close does nothing: each message has a process of its own.
func (*Shoutrrr) Close() {}

// order is what the process is told.
type order struct {
	URL       string           `json:"url"`
	Title     string           `json:"title"`
	Text      string           `json:"text"`
	TimeoutMS int64            `json:"timeout_ms"`
	Allow     []netip.Prefix   `json:"allow"`
	Own       []netip.AddrPort `json:"own"`
}

// outcome is what the process tells.
type outcome struct {
	Sent         bool          `json:"sent"`
	Reason       events.Reason `json:"reason,omitempty"`
	Refused      bool          `json:"refused,omitempty"`
	RetryAfterMS int64         `json:"retry_after_ms,omitempty"`
	Error        string        `json:"error,omitempty"`
}

// inherited are the variables that the process gets: where certificates are.
var inherited = []string{"SSL_CERT_FILE", "SSL_CERT_DIR"}

// Send sends a message once.
func (s *Shoutrrr) Send(ctx context.Context, m Message) error {
	data, err := json.Marshal(order{
		URL: s.cfg.URL.Reveal(), Title: m.Subject, Text: m.Text, TimeoutMS: s.cfg.Timeout.Milliseconds(), Allow: s.cfg.Reach.Allow, Own: s.cfg.Reach.Own,
	})
	if err != nil {
		return &Failure{Err: err, Reason: events.ReasonInternal}
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout+startTime)
	defer cancel()
	cmd := s.cfg.Helper(ctx)
	var said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(data), &said, nil // stderr may have secrets in it
	cmd.Env = []string{}                                                  // nil would be all of this process's
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.WaitDelay = time.Second
	runErr := errors.Join(cmd.Run(), errSilent)
	var o outcome
	if err := json.Unmarshal(said.Bytes(), &o); err == nil {
		return o.failure(s.hide)
	}
	if ctx.Err() != nil {
		return &Failure{Err: fmt.Errorf("not sent within %s", s.cfg.Timeout), Reason: events.ReasonTimeout}
	}
	return &Failure{Err: fmt.Errorf("the process that sends ended without saying what came of it: %w", runErr), Reason: events.ReasonInternal}
}

// errSilent is what a process has in common that ended without an outcome.
var errSilent = errors.New("it may have crashed")

// startTime is what a process has to start and end, beside the time for sending.
const startTime = 5 * time.Second

func (o outcome) failure(hide func(string) string) error {
	if o.Sent {
		return nil
	}
	return &Failure{
		Err: errors.New(hide(o.Error)), Reason: o.Reason, Refused: o.Refused, RetryAfter: time.Duration(o.RetryAfterMS) * time.Millisecond,
	}
}
