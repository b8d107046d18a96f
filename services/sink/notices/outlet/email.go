package outlet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"text/template"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Security is how a connection to a mail server is secured.
type Security string

// STARTTLS is demanded, not asked for: a server without it gets no mail.
const (
	SecuritySTARTTLS Security = "starttls"
	SecurityImplicit Security = "implicit" // TLS from the first byte (RFC 8314)
	SecurityNone     Security = "none"
)

// maxRecipients is how many addresses one e-mail has at most.
const maxRecipients = 50

// EmailConfig says how e-mails are sent.
type EmailConfig struct {
	Host           string
	Port           int
	Security       Security
	User, Password secret.Secret // both empty for none
	HELO           string        // the name that this machine gives; empty for its host name
	From           mail.Address
	To             []*template.Template // each makes one or more addresses of a notice
	Timeout        time.Duration
	Trust          Trust
	Reach          Reach
}

// Email sends messages over SMTP.
type Email struct {
	cfg    EmailConfig
	guard  *guard
	hide   func(string) string
	domain string // of the sender
}

// NewEmail makes an outlet for e-mails; the configuration must be one that the operator's file can have.
func NewEmail(cfg EmailConfig) (*Email, error) {
	g, err := newGuard(cfg.Reach, cfg.Host)
	if err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(cfg.From.Address, "@")
	return &Email{cfg: cfg, guard: g, domain: domain, hide: secret.Hide(cfg.Password.Reveal(), cfg.User.Reveal()).Replace}, nil
}

// Close does nothing: each message has a connection of its own.
func (*Email) Close() {}

// Audience is the list of those to whom a notice goes. Its errors are failures.
func (e *Email) Audience(n *events.Notice) (string, error) {
	to, err := e.recipients(n)
	if err != nil {
		return "", err
	}
	list := make([]string, len(to))
	for i, a := range to {
		list[i] = a.Address
	}
	return strings.Join(list, ","), nil
}

func (e *Email) recipients(n *events.Notice) ([]*mail.Address, error) {
	unusable := func(err error) error {
		return &Failure{
			Reason: events.ReasonInvalidParameter, Refused: true,
			Err: fmt.Errorf("to: %w; correct the channel, or the owner of what the notice is about", err),
		}
	}
	var list []*mail.Address
	for _, t := range e.cfg.To {
		var text strings.Builder
		if err := t.Execute(&text, n); err != nil {
			return nil, unusable(err)
		}
		if strings.TrimSpace(text.String()) == "" {
			continue // such as an owner whom not every target has
		}
		some, err := mail.ParseAddressList(text.String())
		if err != nil {
			return nil, unusable(fmt.Errorf("%.100q is no list of e-mail addresses", text.String()))
		}
		list = append(list, some...)
	}
	if len(list) == 0 || len(list) > maxRecipients {
		return nil, unusable(fmt.Errorf("there are %d addresses: 1 to %d are possible", len(list), maxRecipients))
	}
	return list, nil
}

// Send sends a message once, to all recipients of its notices or to none.
func (e *Email) Send(ctx context.Context, m Message) error {
	msg, err := e.compose(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Timeout)
	defer cancel()
	var line held
	defer line.close()
	client, err := e.client(ctx, &line)
	if err != nil {
		return &Failure{Err: errors.New(e.hide(err.Error())), Reason: events.ReasonInternal}
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if err == nil || msg.IsDelivered() { // the server has taken it, whatever came after
		return nil
	}
	if ctx.Err() != nil { // it has closed the connection
		return &Failure{Err: fmt.Errorf("the mail server did not take it within %s", e.cfg.Timeout), Reason: events.ReasonTimeout}
	}
	return e.judge(err)
}

func (e *Email) compose(m Message) (*gomail.Msg, error) {
	to, err := e.recipients(m.Notices[0])
	if err != nil {
		return nil, err
	}
	msg := gomail.NewMsg()
	msg.FromMailAddress(&e.cfg.From)
	msg.ToMailAddress(to...)
	msg.Subject(m.Subject)
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.SetMessageIDWithValue(m.ID + "@" + e.domain)
	msg.SetDateWithValue(m.At)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office replies
	return msg, nil
}

func (e *Email) client(ctx context.Context, line *held) (*gomail.Client, error) {
	trust := e.cfg.Trust.config(e.cfg.Host)
	address := net.JoinHostPort(e.cfg.Host, strconv.Itoa(e.cfg.Port))
	opts := []gomail.Option{
		gomail.WithPort(e.cfg.Port), gomail.WithTimeout(e.cfg.Timeout), gomail.WithTLSConfig(trust), gomail.WithTLSPolicy(gomail.NoTLS),
		gomail.WithDialContextFunc(func(dialing context.Context, _, _ string) (net.Conn, error) {
			var secure *tls.Config
			if e.cfg.Security == SecurityImplicit {
				secure = trust
			}
			conn, err := e.guard.dial(dialing, e.cfg.Timeout, address, secure)
			if err == nil {
				line.hold(ctx, conn)
			}
			return conn, err
		}),
	}
	if e.cfg.Security == SecuritySTARTTLS {
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if e.cfg.HELO != "" {
		opts = append(opts, gomail.WithHELO(e.cfg.HELO))
	}
	if user := e.cfg.User.Reveal(); user != "" {
		// PLAIN and LOGIN show the password, and are only used over TLS or on this machine.
		opts = append(opts, gomail.WithUsername(user), gomail.WithPassword(e.cfg.Password.Reveal()), gomail.WithOpportunisticSMTPAuth(
			gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5))
	}
	return gomail.NewClient(e.cfg.Host, opts...)
}

// judge says what an error of the client means. A server that refuses a recipient or the message refuses just that; one that refuses
// the sender or the password refuses all.
func (e *Email) judge(err error) *Failure {
	sent, ok := errors.AsType[*gomail.SendError](err)
	if !ok || sent.ErrorCode() == 0 {
		return troubled(err, e.hide)
	}
	f := &Failure{Err: fmt.Errorf("the mail server says: %s", e.hide(excerpt([]byte(err.Error())))), Reason: events.ReasonRefused}
	switch sent.Reason {
	case gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose, gomail.ErrWriteContent:
		f.Refused = sent.ErrorCode() >= 500
	}
	return f
}

// held is the connection of one message. The client knows deadlines, but no end of a context, and does not close what it could not use.
type held struct {
	conn net.Conn
	stop func() bool
}

func (h *held) hold(ctx context.Context, conn net.Conn) {
	h.close()
	h.conn, h.stop = conn, context.AfterFunc(ctx, func() { _ = conn.Close() }) // the operation that it ends tells
}

func (h *held) close() {
	if h.conn != nil {
		h.stop()
		_ = h.conn.Close() // mostly closed already
	}
}
