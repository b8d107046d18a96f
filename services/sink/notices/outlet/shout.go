package outlet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/mattermost"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/gotify"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/ntfy"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/internal/web"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// maxOrder is how much the process reads.
const maxOrder = 4 << 20

// Shout is what the process does that ShoutrrrConfig.Helper starts: it reads one message, sends it, and writes what came of that. It puts
// the guard in the place of http.DefaultTransport, so it must be alone in its process, and the process must end when it returns: what a
// service may still be doing then ends with it.
func Shout(ctx context.Context, in io.Reader, out io.Writer) error {
	var o order
	if err := json.NewDecoder(io.LimitReader(in, maxOrder)).Decode(&o); err != nil {
		return fmt.Errorf("read the message: %w", err)
	}
	return json.NewEncoder(out).Encode(shout(ctx, o, nil))
}

// shout sends; base is what the requests go through in the end, the guard if it is nil.
func shout(ctx context.Context, o order, base http.RoundTripper) outcome {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(o.TimeoutMS)*time.Millisecond)
	defer cancel()
	host := ""
	if u, err := url.Parse(o.URL); err == nil {
		host = u.Hostname()
	}
	if base == nil {
		g, err := newGuard(Reach{Allow: o.Allow, Own: o.Own}, host)
		if err != nil {
			return outcome{Reason: events.ReasonInternal, Error: err.Error()}
		}
		base = g.transport(time.Duration(o.TimeoutMS)*time.Millisecond, nil)
	}
	w := &watcher{base: base, bad: make(chan struct{})}
	//nolint:forbidigo // the process is there for nothing else, and this is how nothing passes by the guard
	http.DefaultTransport, http.DefaultClient = w, &http.Client{Transport: w}
	ended := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil { // some services do not look whether there was an answer
				ended <- fmt.Errorf("the service panicked: %v", r)
			}
		}()
		ended <- call(o, w)
	}()
	select {
	case err := <-ended:
		return w.outcome(err)
	case <-w.bad: // some services would try again by themselves
		return w.outcome(errors.New("refused"))
	case <-ctx.Done():
		return outcome{Reason: events.ReasonTimeout, Error: "no answer within the channel's timeout"}
	}
}

// call gives the message to the service.
func call(o order, through http.RoundTripper) error {
	name, err := service(o.URL)
	if err != nil {
		return err
	}
	s, err := new(router.ServiceRouter).Locate(o.URL)
	if err != nil {
		return err
	}
	switch s := s.(type) { // those that have transports of their own
	case *ntfy.Service:
		s.SetHTTPClient(&http.Client{Transport: through})
	case *mattermost.Service:
		s.GetHTTPClient().Transport = through
	case *gotify.Service:
		s.GetHTTPClient().Transport = through
	}
	text, params := harmless(o.Text), types.Params{}
	if titled[name] {
		params["title"] = harmless(o.Title)
	} else {
		text = harmless(o.Title) + "\n\n" + text
	}
	return s.Send(text, &params)
}

// harmless keeps texts that come from elsewhere, such as what a target's server said, from calling everybody of a chat.
func harmless(s string) string {
	return strings.NewReplacer("@everyone", "@\u200beveryone", "@here", "@\u200bhere", "@channel", "@\u200bchannel", "@all", "@\u200ball", "<!", "<\u200b!").Replace(s)
}

// watcher passes requests on and remembers how they went: the errors of services leave out what matters here.
type watcher struct {
	base http.RoundTripper

	mu      sync.Mutex
	secrets []string
	status  int
	after   time.Duration
	said    string
	err     error
	told    bool
	bad     chan struct{} // closed when the receiver wants to be left alone
}

func (w *watcher) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.secrets = append(w.secrets, secretsOf(req.URL.String())...)
	w.secrets = append(w.secrets, strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "))
	w.mu.Unlock()
	resp, err := w.base.RoundTrip(req)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.err = err
		return nil, err
	}
	w.err, w.status = nil, resp.StatusCode
	if resp.StatusCode >= 300 {
		w.after = web.RetryAfter(resp.Header.Get("Retry-After"), time.Now(), maxRetryAfter)
		said, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		w.said = excerpt(said)
		resp.Body = io.NopCloser(strings.NewReader(string(said)))
		if (resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500) && !w.told {
			w.told = true
			close(w.bad)
		}
	}
	return resp, nil
}

// outcome makes the best of what is known. What a service says about success is believed only if the last request had one: that for
// Telegram, for example, has no error when there was no connection.
func (w *watcher) outcome(err error) outcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && w.err == nil && w.status >= 200 && w.status < 300 {
		return outcome{Sent: true}
	}
	hide := secret.Hide(w.secrets...).Replace
	var f *Failure
	switch {
	case w.err != nil:
		f = troubled(w.err, hide)
	case w.status >= 300:
		f = statusFailure(w.status, w.after, hide(w.said))
	case err == nil:
		f = &Failure{Err: errors.New("the service has sent nothing"), Reason: events.ReasonInternal}
	default: // such as an answer that says in its text that it is none
		f = &Failure{Err: errors.New(hide(excerpt([]byte(err.Error())))), Reason: events.ReasonRefused}
	}
	return outcome{Reason: f.Reason, Refused: f.Refused, RetryAfterMS: f.RetryAfter.Milliseconds(), Error: f.Error()}
}
