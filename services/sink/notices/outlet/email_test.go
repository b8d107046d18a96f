package outlet

import (
	"net"
	"net/mail"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/sink/notices/internal/mailtest"
)

func recipient(t *testing.T, text string) *template.Template {
	t.Helper()
	tm, err := template.New("to").Parse(text)
	require.NoError(t, err)
	return tm
}

func email(t *testing.T, s *mailtest.Server, change ...func(*EmailConfig)) *Email {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Addr)
	require.NoError(t, err)
	cfg := EmailConfig{
		Host: host, Security: SecuritySTARTTLS, User: secret.New(mailtest.User), Password: secret.New(mailtest.Password),
		From: mail.Address{Name: "fetchmill", Address: "alerts@example.com"}, To: []*template.Template{recipient(t, "ops@example.com")},
		Timeout: time.Minute, Trust: Trust{Roots: s.Roots},
	}
	cfg.Port, err = strconv.Atoi(port)
	require.NoError(t, err)
	for _, c := range change {
		c(&cfg)
	}
	e, err := NewEmail(cfg)
	require.NoError(t, err)
	return e
}

func TestEmail(t *testing.T) {
	for name, c := range map[string]struct {
		server []mailtest.Option
		change func(*EmailConfig)
		secure bool
	}{
		"over STARTTLS":     {nil, func(*EmailConfig) {}, true},
		"over implicit TLS": {[]mailtest.Option{mailtest.Implicit()}, func(c *EmailConfig) { c.Security = SecurityImplicit }, true},
		"without TLS":       {[]mailtest.Option{mailtest.Plain()}, func(c *EmailConfig) { c.Security = SecurityNone }, false},
	} {
		t.Run("arrives "+name, func(t *testing.T) {
			s := mailtest.Start(t, c.server...)
			e := email(t, s, c.change)
			require.NoError(t, e.Send(t.Context(), message("Müller's shop")))
			got := s.Mails()
			require.Len(t, got, 1)
			m := got[0]
			require.Equal(t, c.secure, m.Secure)
			require.Equal(t, mailtest.User, m.User)
			require.Equal(t, "alerts@example.com", m.From)
			require.Equal(t, []string{"ops@example.com"}, m.To)
			require.Equal(t, "DOWN: Müller's shop", m.Subject())
			require.Equal(t, message("Müller's shop").Text, strings.TrimSuffix(m.Body, "\n"))
			require.Equal(t, "<"+message("Müller's shop").ID+"@example.com>", m.Header.Get("Message-Id"))
			require.Equal(t, "auto-generated", m.Header.Get("Auto-Submitted"))
			date, err := m.Header.Date()
			require.NoError(t, err)
			require.True(t, noon.Equal(date))
		})
	}
	t.Run("goes to the owner of what it is about", func(t *testing.T) {
		s := mailtest.Start(t)
		e := email(t, s, func(c *EmailConfig) {
			c.To = []*template.Template{recipient(t, "{{.Owner}}"), recipient(t, "ops@example.com, more@example.com")}
		})
		require.NoError(t, e.Send(t.Context(), message("shop")))
		require.Equal(t, []string{"ada@example.com", "ops@example.com", "more@example.com"}, s.Mails()[0].To)
		nobody := notice("shop")
		nobody.Owner = ""
		to, err := e.Audience(nobody)
		require.NoError(t, err)
		require.Equal(t, "ops@example.com,more@example.com", to)
		nobody.Owner = "Ada"
		_, err = e.Audience(nobody)
		f := failure(t, err)
		require.True(t, f.Refused)
		require.Equal(t, events.ReasonInvalidParameter, f.Reason)
	})
	t.Run("cannot be given headers by what it tells of", func(t *testing.T) {
		s := mailtest.Start(t)
		m := message("shop")
		m.Subject = "DOWN: shop\r\nBcc: evil@example.com"
		require.NoError(t, email(t, s).Send(t.Context(), m))
		require.Empty(t, s.Mails()[0].Header.Get("Bcc"))
		require.Equal(t, []string{"ops@example.com"}, s.Mails()[0].To)
	})
}

func TestEmail_failures(t *testing.T) {
	say := func(code int, text string) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: text}
	}
	for name, c := range map[string]struct {
		faults  mailtest.Faults
		change  func(*EmailConfig)
		reason  events.Reason
		refused bool
	}{
		"a wrong password":                 {mailtest.Faults{}, func(c *EmailConfig) { c.Password = secret.New("s3cr3t-0ld") }, events.ReasonRefused, false},
		"a sender that is not allowed":     {mailtest.Faults{From: say(550, "not yours")}, nil, events.ReasonRefused, false},
		"a recipient that is not known":    {mailtest.Faults{To: say(550, "no such user")}, nil, events.ReasonRefused, true},
		"a recipient with a full mailbox":  {mailtest.Faults{To: say(452, "mailbox is full")}, nil, events.ReasonRefused, false},
		"a message that is not wanted":     {mailtest.Faults{Data: say(554, "spam")}, nil, events.ReasonRefused, true},
		"a message that cannot be taken":   {mailtest.Faults{Data: say(451, "try again")}, nil, events.ReasonRefused, false},
		"a connection that breaks at once": {mailtest.Faults{Drop: true}, nil, events.ReasonConnect, false},
		"an answer that does not come":     {mailtest.Faults{Slow: time.Hour}, func(c *EmailConfig) { c.Timeout = 200 * time.Millisecond }, events.ReasonTimeout, false},
		"a certificate of somebody else":   {mailtest.Faults{}, func(c *EmailConfig) { c.Trust = Trust{} }, events.ReasonTLS, false},
	} {
		t.Run(name+" is told", func(t *testing.T) {
			s := mailtest.Start(t)
			s.Misbehave(c.faults)
			change := c.change
			if change == nil {
				change = func(*EmailConfig) {}
			}
			f := failure(t, email(t, s, change).Send(t.Context(), message("shop")))
			require.Equal(t, c.reason, f.Reason, f.Error())
			require.Equal(t, c.refused, f.Refused, f.Error())
			require.NotContains(t, f.Error(), mailtest.Password)
		})
	}
	t.Run("a server without STARTTLS gets neither mail nor password", func(t *testing.T) {
		s := mailtest.Start(t, mailtest.Plain())
		f := failure(t, email(t, s).Send(t.Context(), message("shop")))
		require.ErrorContains(t, f, "STARTTLS")
		require.Zero(t, s.Tried())
	})
	t.Run("nobody there", func(t *testing.T) {
		s := mailtest.Start(t)
		s.Close()
		require.Equal(t, events.ReasonConnect, failure(t, email(t, s).Send(t.Context(), message("shop"))).Reason)
	})
	t.Run("an address that is not allowed", func(t *testing.T) {
		s := mailtest.Start(t)
		e := email(t, s)
		g, err := newGuard(Reach{}, "mail.example.com")
		require.NoError(t, err)
		e.guard = g // as if the name had resolved to it
		require.Equal(t, events.ReasonForbiddenTarget, failure(t, e.Send(t.Context(), message("shop"))).Reason)
	})
}
