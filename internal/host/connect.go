package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/nats-io/jsm.go/natscontext"
	"github.com/nats-io/nats.go"
)

// ConnectConfig says which broker to connect to, and as whom.
type ConnectConfig struct {
	URL     string        // empty: NATS_URL, then the selected context of the nats CLI, then nats://127.0.0.1:4222
	Name    string        // shown by the broker in its list of connections
	As      Identity      // beside what the URL or the context says
	Inbox   string        // prefix of the subjects of answers; empty: what follows from the key, or else what NATS clients use
	Timeout time.Duration // for one attempt; default 5 s
	Wait    time.Duration // keep trying for so long when no broker answers; 0 tries once
	Log     *slog.Logger  // told about lost and restored connections; nil logs nothing
}

const (
	defaultConnectTimeout = 5 * time.Second
	firstConnectPause     = 100 * time.Millisecond
	longestConnectPause   = 2 * time.Second
	pingInterval          = 10 * time.Second

	// A broker that is started again takes less than a second: nobody should be late for it by more. The jitter keeps many clients from coming at
	// once; with TLS it is longer, because each of them costs the broker a handshake.
	reconnectWait      = 250 * time.Millisecond
	reconnectJitter    = 250 * time.Millisecond
	reconnectJitterTLS = time.Second
)

// Connect connects to the broker. The connection then repairs itself for as long as it takes. While it is broken nothing
// published is held back to be sent later: what was not sent is an error at once, so that nobody believes it to be safe.
// Errors wrap ErrConnect, name the URL without its credentials, and say how to start a broker.
func Connect(ctx context.Context, cfg ConnectConfig) (*nats.Conn, error) {
	t, err := findTarget(cfg.URL)
	if err != nil {
		return nil, err
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultConnectTimeout
	}
	identity, inbox, err := cfg.As.options()
	if err != nil {
		return nil, err
	}
	if cfg.Inbox != "" {
		inbox = cfg.Inbox
	}
	if inbox != "" {
		identity = append(identity, nats.CustomInboxPrefix(inbox))
	}
	opts := slices.Concat(t.opts, identity, []nats.Option{
		nats.Name(cfg.Name), nats.Timeout(cfg.Timeout),
		nats.MaxReconnects(-1), nats.ReconnectBufSize(-1), nats.PingInterval(pingInterval),
		nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(reconnectJitter, reconnectJitterTLS),
	}, logOptions(cfg.Log))

	giveUp := time.Now().Add(cfg.Wait)
	for pause := firstConnectPause; ; pause = min(2*pause, longestConnectPause) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%w at %s: %w", ErrConnect, redact(t.url), err)
		}
		nc, err := nats.Connect(t.url, opts...)
		if err == nil {
			return nc, nil
		}
		if !errors.Is(err, nats.ErrNoServers) && !isNetwork(err) || time.Now().Add(pause).After(giveUp) {
			return nil, t.explain(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// target is a broker's address and what is needed to get in.
type target struct {
	url  string
	from string // where the address comes from, for people
	opts []nats.Option
}

func findTarget(url string) (target, error) {
	if url != "" {
		return target{url: url, from: "--nats"}, nil
	}
	if url := os.Getenv("NATS_URL"); url != "" {
		return target{url: url, from: "NATS_URL"}, nil
	}
	name := natscontext.SelectedContext()
	if name == "" {
		return target{url: nats.DefaultURL, from: "the default"}, nil
	}
	nctx, err := natscontext.New(name, true)
	if err != nil {
		return target{}, fmt.Errorf("%w: read the selected NATS context %q: %w; select another with: nats context select, or use --nats URL", ErrConnect, name, err)
	}
	opts, err := nctx.NATSOptions()
	if err != nil {
		return target{}, fmt.Errorf("%w: use the selected NATS context %q: %w", ErrConnect, name, err)
	}
	return target{url: nctx.ServerURL(), from: fmt.Sprintf("NATS context %q", name), opts: opts}, nil
}

func (t target) explain(err error) error {
	const (
		start  = "start a broker with: fetchmill up, or: nats-server -js; or name another one with --nats URL"
		access = "check user, password, token or credentials in --nats, NATS_URL or the NATS context, or the key in --nkey: the broker has to know it"
		secure = "check --tlsca (whom to trust), and --tlscert and --tlskey (what to show, if the broker asks for a certificate)"
		form   = "a URL looks like nats://127.0.0.1:4222"
	)
	where := fmt.Sprintf("%s (from %s)", redact(t.url), t.from)
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAccountAuthExpired):
		return fmt.Errorf("%w at %s: %w; %s", ErrConnect, where, err, access)
	case isTLS(err):
		return fmt.Errorf("%w at %s: %w; %s", ErrConnect, where, err, secure)
	case errors.Is(err, nats.ErrNoServers), isNetwork(err):
		return fmt.Errorf("%w at %s: %w; %s", ErrConnect, where, err, start)
	case isURL(err): // such an error repeats the URL with its password
		return fmt.Errorf("%w at %s: this is not a valid URL; %s", ErrConnect, where, form)
	default:
		return fmt.Errorf("%w at %s: %w", ErrConnect, where, err)
	}
}

func logOptions(log *slog.Logger) []nats.Option {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return []nats.Option{
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil when we close it ourselves
				log.Warn("connection to the broker lost, reconnecting", KeyError, err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			log.Info("connection to the broker restored", "url", nc.ConnectedUrlRedacted())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			if sub != nil {
				log.Warn("broker reports an error", KeyError, err, "subject", sub.Subject)
				return
			}
			log.Warn("broker reports an error", KeyError, err)
		}),
	}
}
