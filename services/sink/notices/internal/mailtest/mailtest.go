// Package mailtest runs a real mail server on 127.0.0.1 for tests. It keeps what it is sent, and can be told to misbehave.
package mailtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// User and Password are what the server accepts.
const (
	User     = "fetchmill"
	Password = "s3cr3t-p4ss"
)

// Mail is an e-mail that the server has taken.
type Mail struct {
	From   string
	To     []string
	Header mail.Header
	Body   string
	User   string // who was logged in
	Secure bool   // whether it came over TLS
}

// Server is a running mail server.
type Server struct {
	Addr  string
	Roots *x509.CertPool // that have signed its certificate

	mu     sync.Mutex
	mails  []Mail
	faults Faults
	tried  int
	server *smtp.Server
	listen net.Listener
	once   sync.Once
	closed chan struct{}
}

// Faults are what a server does wrong, until it is told otherwise.
type Faults struct {
	Login error // the answer to any password
	From  error // to MAIL FROM
	To    error // to RCPT TO
	Data  error // to the message
	// Drop closes the connection when the message has come, and keeps it nevertheless: nobody can know then whether it was taken.
	Drop bool
	// Slow is how long the answer to the message takes.
	Slow time.Duration
}

// Option changes how a server is made.
type Option func(*smtp.Server, *bool)

// Implicit makes a server that speaks TLS from the first byte.
func Implicit() Option { return func(_ *smtp.Server, implicit *bool) { *implicit = true } }

// Plain makes a server without TLS, which takes passwords all the same.
func Plain() Option {
	return func(s *smtp.Server, _ *bool) { s.TLSConfig, s.AllowInsecureAuth = nil, true }
}

// At makes a server on a certain address, such as that of one that is closed.
func At(addr string) Option { return func(s *smtp.Server, _ *bool) { s.Addr = addr } }

// Start runs a server with STARTTLS until the test ends.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	certified := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	certs := certified.TLS.Certificates
	m := &Server{Roots: x509.NewCertPool(), closed: make(chan struct{})}
	m.Roots.AddCert(certified.Certificate())
	certified.Close()

	implicit := false
	s := smtp.NewServer(backend{m})
	s.Addr, s.Domain, s.TLSConfig = "127.0.0.1:0", "mail.example.com", &tls.Config{Certificates: certs, MinVersion: tls.VersionTLS12}
	s.ReadTimeout, s.WriteTimeout, s.EnableSMTPUTF8 = 30*time.Second, 30*time.Second, true
	s.ErrorLog = silent{}
	for _, o := range opts {
		o(s, &implicit)
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", s.Addr)
	require.NoError(t, err)
	m.Addr, m.server, m.listen = l.Addr().String(), s, l
	if implicit {
		l = tls.NewListener(l, s.TLSConfig)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Serve(l) // until it is closed
	}()
	t.Cleanup(func() {
		m.Close()
		<-ended
	})
	return m
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// Close stops the server. A second call does nothing.
func (m *Server) Close() {
	m.once.Do(func() { close(m.closed) })
	_ = m.listen.Close() // the server knows it only when it has begun to serve
	_ = m.server.Close()
}

// Misbehave tells the server what to do wrong from now on.
func (m *Server) Misbehave(f Faults) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = f
}

func (m *Server) now() Faults {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.faults
}

// Mails returns what the server has taken, in the order in which it came.
func (m *Server) Mails() []Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Mail(nil), m.mails...)
}

// Tried is how many senders have been named, whatever came of it.
func (m *Server) Tried() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tried
}

type backend struct{ m *Server }

func (b backend) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &session{m: b.m, conn: c}, nil
}

type session struct {
	m    *Server
	conn *smtp.Conn
	mail Mail
	user string
}

func (*session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if err := s.m.now().Login; err != nil {
			return err
		}
		if user != User || password != Password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "wrong user or password"}
		}
		s.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.m.mu.Lock()
	s.m.tried++
	s.m.mu.Unlock()
	s.mail = Mail{From: from}
	return s.m.now().From
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.To = append(s.mail.To, to)
	return s.m.now().To
}

func (s *session) Data(r io.Reader) error {
	faults := s.m.now()
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if faults.Slow > 0 {
		select {
		case <-time.After(faults.Slow):
		case <-s.m.closed:
		}
	}
	if faults.Data != nil {
		return faults.Data
	}
	if err := s.keep(raw); err != nil {
		return err
	}
	if faults.Drop {
		_ = s.conn.Conn().Close()
		return errors.New("dropped")
	}
	return nil
}

func (s *session) keep(raw []byte) error {
	msg, err := mail.ReadMessage(strings.NewReader(string(raw)))
	if err != nil {
		return err
	}
	body, err := decoded(msg)
	if err != nil {
		return err
	}
	_, secure := s.conn.TLSConnectionState()
	s.mail.Header, s.mail.Body, s.mail.User, s.mail.Secure = msg.Header, body, s.user, secure
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.m.mails = append(s.m.mails, s.mail)
	return nil
}

func (*session) Reset()        {}
func (*session) Logout() error { return nil }
