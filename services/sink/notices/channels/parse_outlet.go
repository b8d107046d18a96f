package channels

import (
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"text/template"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/net/http/httpguts"

	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/sink/notices/outlet"
)

// secret reads a text and puts in what it refers to.
func (p *parser) secret(node *yaml.Node, what string) (secret.Secret, bool) {
	raw, ok := p.Text(node, what)
	if !ok {
		return secret.Secret{}, false
	}
	text, faults := p.cfg.Secrets.Expand(raw)
	for _, err := range faults {
		p.Fault(node, "%s: %w", what, err)
	}
	return secret.New(text), len(faults) == 0
}

func (p *parser) webhook(node *yaml.Node, conn connection) Outlet {
	cfg := outlet.WebhookConfig{Timeout: conn.timeout, Trust: conn.trust, Reach: conn.reach, Header: map[string]secret.Secret{}}
	whole, keys := false, 0
	p.Mapping(node, "webhook", func(key, v *yaml.Node) {
		switch key.Value {
		case "url":
			cfg.URL, whole = p.url(v)
		case "key":
			keys++
			cfg.Keys = p.key(v, cfg.Keys)
		case "keys":
			keys++
			if v.Kind != yaml.SequenceNode || len(v.Content) == 0 {
				p.Fault(v, "keys is a list: the new key and the old one")
			}
			for _, n := range v.Content {
				cfg.Keys = p.key(n, cfg.Keys)
			}
		case "headers":
			p.Mapping(v, "headers", func(name, value *yaml.Node) { p.header(cfg.Header, name, value) })
		default:
			p.Fault(key, "webhook has url, key or keys, and headers")
		}
	})
	if keys != 1 {
		p.Fault(node, "webhook needs key, with which it is signed, or keys while one is replaced")
	}
	if cfg.URL == (secret.Secret{}) {
		p.Fault(node, "webhook needs url")
	}
	if !whole {
		return nil
	}
	w, err := outlet.NewWebhook(cfg)
	if err != nil {
		p.Fault(node, "webhook: %w", err)
		return nil
	}
	return w
}

func (p *parser) url(node *yaml.Node) (secret.Secret, bool) {
	s, ok := p.secret(node, "url")
	if !ok {
		return s, false
	}
	u, err := url.Parse(s.Reveal())
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.Fragment != "" {
		p.Fault(node, "url must be one that begins with https:// or http:// and names a host")
		return s, false
	}
	return s, true
}

func (p *parser) key(node *yaml.Node, keys [][]byte) [][]byte {
	s, ok := p.secret(node, "key")
	if !ok {
		return keys
	}
	key, err := outlet.Key(s.Reveal())
	if err != nil {
		p.Fault(node, "key: %w", err)
		return keys
	}
	return append(keys, key)
}

func (p *parser) header(headers map[string]secret.Secret, name, value *yaml.Node) {
	s, ok := p.secret(value, "a header")
	switch {
	case !httpguts.ValidHeaderFieldName(name.Value) || outlet.ReservedHeader(name.Value):
		p.Fault(name, "headers has a name that channels cannot set")
	case ok && !httpguts.ValidHeaderFieldValue(s.Reveal()):
		p.Fault(value, "a header has characters that headers cannot have, such as a line break at its end")
	case ok:
		headers[name.Value] = s
	}
}

func (p *parser) shoutrrr(node *yaml.Node, conn connection) Outlet {
	cfg := outlet.ShoutrrrConfig{Timeout: conn.timeout, Reach: conn.reach, Helper: p.cfg.Helper}
	there, whole := false, false
	p.Mapping(node, "shoutrrr", func(key, v *yaml.Node) {
		if key.Value != "url" {
			p.Fault(key, "shoutrrr has url and nothing else")
			return
		}
		there = true
		cfg.URL, whole = p.secret(v, "url")
	})
	if !there {
		p.Fault(node, "shoutrrr needs url")
	}
	if conn.trust.Roots != nil {
		p.Fault(node, "shoutrrr cannot have a ca: name the file in the environment of the sink, as SSL_CERT_FILE")
	}
	if !whole {
		return nil
	}
	s, err := outlet.NewShoutrrr(cfg)
	if err != nil {
		p.Fault(node, "url: %w", err)
		return nil
	}
	return s
}

func (p *parser) email(node *yaml.Node, conn connection) Outlet {
	cfg := outlet.EmailConfig{Security: outlet.SecuritySTARTTLS, Timeout: conn.timeout, Trust: conn.trust, Reach: conn.reach}
	var server *yaml.Node
	p.Mapping(node, "email", func(key, v *yaml.Node) {
		switch key.Value {
		case "server":
			server = v
		case "tls":
			cfg.Security = p.security(v)
		case "user":
			cfg.User, _ = p.secret(v, "user")
		case "password":
			cfg.Password, _ = p.secret(v, "password")
		case "helo":
			cfg.HELO, _ = p.Text(v, "helo")
		case "from":
			cfg.From = p.address(v, "from")
		case "to":
			cfg.To = p.recipients(v)
		default:
			p.Fault(key, "email has server, tls, user, password, helo, from and to")
		}
	})
	if server == nil || cfg.From.Address == "" || len(cfg.To) == 0 {
		p.Fault(node, "email needs server, from and to")
		return nil
	}
	if (cfg.User.Reveal() == "") != (cfg.Password.Reveal() == "") {
		p.Fault(node, "email needs both user and password, or none of them")
	}
	p.server(server, &cfg)
	e, err := outlet.NewEmail(cfg)
	if err != nil {
		p.Fault(node, "email: %w", err)
		return nil
	}
	return e
}

// server reads a host with or without a port: 587 is for submission (RFC 6409), 465 for it over TLS (RFC 8314), 25 for relays.
func (p *parser) server(node *yaml.Node, cfg *outlet.EmailConfig) {
	text, ok := p.Text(node, "server")
	if !ok {
		return
	}
	cfg.Host, cfg.Port = text, map[outlet.Security]int{outlet.SecuritySTARTTLS: 587, outlet.SecurityImplicit: 465, outlet.SecurityNone: 25}[cfg.Security]
	if host, port, err := net.SplitHostPort(text); err == nil {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			p.Fault(node, "server has a port that is none: write host:port")
		}
		cfg.Host, cfg.Port = host, n
	}
	if u, err := url.Parse("//" + net.JoinHostPort(cfg.Host, "1")); err != nil || u.Hostname() != cfg.Host || cfg.Host == "" {
		p.Fault(node, "server is a host such as smtp.example.com, or host:port")
	}
}

func (p *parser) security(node *yaml.Node) outlet.Security {
	switch s := outlet.Security(node.Value); s {
	case outlet.SecuritySTARTTLS, outlet.SecurityImplicit, outlet.SecurityNone:
		return s
	default:
		p.Fault(node, "tls is starttls, implicit or none")
		return outlet.SecuritySTARTTLS
	}
}

func (p *parser) address(node *yaml.Node, what string) mail.Address {
	text, _ := p.Text(node, what)
	a, err := mail.ParseAddress(text)
	if err != nil {
		p.Fault(node, "%s is an e-mail address such as alerts@example.com, or fetchmill <alerts@example.com>", what)
		return mail.Address{Address: "x@invalid"} // it is there, at least
	}
	return *a
}

// recipients reads addresses, and templates that make them of a notice.
func (p *parser) recipients(node *yaml.Node) []*template.Template {
	var list []*template.Template
	for _, text := range p.list(node, "to") {
		t, err := template.New("to").Option("missingkey=zero").Parse(text)
		if err == nil {
			err = p.tryRecipient(t)
		}
		if err != nil {
			p.Fault(node, "to has something in it that is no e-mail address, and no template that makes one of a notice, such as {{.Owner}}")
			continue
		}
		list = append(list, t)
	}
	return list
}

func (p *parser) tryRecipient(t *template.Template) error {
	e, err := outlet.NewEmail(outlet.EmailConfig{Host: "localhost", To: []*template.Template{t}})
	if err != nil {
		return err
	}
	_, err = e.Audience(&events.Notice{ID: "n1", Kind: events.NoticeTest, Channel: "x", What: "x", Owner: "ada@example.com", At: time.Unix(0, 0)})
	return err
}
