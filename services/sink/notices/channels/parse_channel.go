package channels

import (
	"crypto/x509"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/fetchmill/fetchmill/internal/netguard"
	"github.com/fetchmill/fetchmill/services/sink/notices/outlet"
	"github.com/fetchmill/fetchmill/services/sink/notices/wording"
)

const (
	defaultTimeout = 30 * time.Second
	// DefaultMaxAge is after how long a notice that could not be sent becomes a dead letter.
	DefaultMaxAge = 24 * time.Hour

	// shoutText is what chats and push services take: Discord 2,000 characters, ntfy and Telegram 4,096.
	shoutText = 1900
)

// usual is how channels of a kind are unless the file says otherwise. Programs are told of each notice, and at once; people are not to be
// flooded.
func usual(kind string) Channel {
	ch := Channel{
		Kind: kind, MaxText: wording.MaxText, Concurrency: 1, MaxAge: DefaultMaxAge,
		Digest: Digest{From: 5, Most: 100}, Pace: Pace{Burst: 10, Every: 5 * time.Second},
	}
	switch kind {
	case "webhook":
		ch.Concurrency, ch.Digest, ch.Pace = 4, Digest{}, Pace{}
	case "shoutrrr":
		ch.MaxText = shoutText
	}
	return ch
}

// connection is what outlets of all kinds need.
type connection struct {
	timeout time.Duration
	reach   outlet.Reach
	trust   outlet.Trust
}

// channel reads one channel. It returns nil if there is no outlet to be made of it.
func (p *parser) channel(name, node *yaml.Node) *Channel {
	members := map[string]*yaml.Node{}
	kind, kinds := "", 0
	p.Mapping(node, "channel "+name.Value, func(key, v *yaml.Node) {
		switch key.Value {
		case "email", "webhook", "shoutrrr":
			kind = key.Value
			kinds++
		case "timeout", "concurrency", "max_age", "max_text", "allow_net", "ca", "digest", "pace", "templates":
		default:
			p.Fault(key, "channel %s has a key that is not known: write email, webhook or shoutrrr, and timeout, concurrency, max_age, max_text, allow_net, ca, digest, pace and templates", name.Value)
			return
		}
		members[key.Value] = v
	})
	if kinds != 1 {
		p.Fault(name, "channel %s needs one of email, webhook and shoutrrr", name.Value)
		return nil
	}
	ch := usual(kind)
	ch.Name, ch.Wording = name.Value, p.wording
	conn := connection{timeout: defaultTimeout, reach: p.cfg.Reach}
	for key, v := range members {
		switch key {
		case "timeout":
			conn.timeout = p.duration(v, key, 100*time.Millisecond, 10*time.Minute)
		case "concurrency":
			ch.Concurrency = p.number(v, key, 1, 64)
		case "max_age":
			ch.MaxAge = p.duration(v, key, time.Second, 30*24*time.Hour)
		case "max_text":
			ch.MaxText = p.number(v, key, 200, wording.MaxText)
		case "allow_net":
			conn.reach.Allow = append(conn.reach.Allow[:len(conn.reach.Allow):len(conn.reach.Allow)], p.networks(v)...)
		case "ca":
			conn.trust = p.trust(v)
		case "digest":
			ch.Digest = p.digest(v, ch.Digest)
		case "pace":
			ch.Pace = p.pace(v, ch.Pace)
		case "templates":
			ch.Wording = p.templates(v, p.wording)
		}
	}
	if ch.Outlet = p.outlet(kind, members[kind], conn); ch.Outlet == nil {
		return nil
	}
	return &ch
}

func (p *parser) outlet(kind string, node *yaml.Node, conn connection) Outlet {
	switch kind {
	case "email":
		return p.email(node, conn)
	case "webhook":
		return p.webhook(node, conn)
	default:
		return p.shoutrrr(node, conn)
	}
}

func (p *parser) networks(node *yaml.Node) []netip.Prefix {
	list, err := netguard.ParseAllow(p.list(node, "allow_net"))
	if err != nil {
		p.Fault(node, "allow_net: write networks such as [10.0.0.0/8, fd00::/8], and addresses such as [192.168.1.7]")
	}
	return list
}

func (p *parser) trust(node *yaml.Node) outlet.Trust {
	path, ok := p.Text(node, "ca")
	if !ok {
		return outlet.Trust{}
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		p.Fault(node, "ca: %w", err)
		return outlet.Trust{}
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		p.Fault(node, "ca: the file has no certificates in PEM")
	}
	return outlet.Trust{Roots: roots}
}

func (p *parser) digest(node *yaml.Node, d Digest) Digest {
	if node.Kind == yaml.ScalarNode && node.Tag == "!!bool" && node.Value == "false" {
		return Digest{}
	}
	if d.Most == 0 {
		d = Digest{From: 5, Most: 100}
	}
	p.Mapping(node, "digest", func(key, v *yaml.Node) {
		switch key.Value {
		case "from":
			d.From = p.number(v, "from", 2, 1000)
		case "most":
			d.Most = p.number(v, "most", 2, 1000)
		default:
			p.Fault(key, "digest is false, or has from and most")
		}
	})
	return d
}

func (p *parser) pace(node *yaml.Node, pace Pace) Pace {
	if pace.Burst == 0 {
		pace.Burst = 1
	}
	p.Mapping(node, "pace", func(key, v *yaml.Node) {
		switch key.Value {
		case "burst":
			pace.Burst = p.number(v, "burst", 1, 1000)
		case "every":
			pace.Every = p.duration(v, "every", 0, time.Hour)
		default:
			p.Fault(key, "pace has burst and every")
		}
	})
	return pace
}

func (p *parser) number(node *yaml.Node, what string, least, most int) int {
	text, _ := p.Text(node, what)
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		p.Fault(node, "%s is a whole number from %d to %d", what, least, most)
		return least
	}
	return n
}

func (p *parser) duration(node *yaml.Node, what string, least, most time.Duration) time.Duration {
	text, _ := p.Text(node, what)
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil || d < least || d > most {
		p.Fault(node, "%s is a duration from %s to %s, such as 30s", what, least, most)
		return least
	}
	return d
}
