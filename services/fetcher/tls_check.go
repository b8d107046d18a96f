package fetcher

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

const (
	defaultMinDays = 14
	maxMinDays     = 10_000
	day            = 24 * time.Hour
)

// inspection is a server whose certificate is to be looked at.
type inspection struct {
	address string // HOST:PORT
	name    string // that is asked for and must be in the certificate: a domain name or an IP address
	minDays int
}

func (i inspection) String() string {
	s := "tls " + useragent.Clip(i.address, 300)
	if host, _, _ := net.SplitHostPort(i.address); host != i.name {
		s += " as " + i.name
	}
	return s
}

// tlsCheck looks at a server's certificate: whether it is valid for the name, from an authority that is trusted, and for how long. Arguments
// {"host", "port": 443, "server_name": the host, "min_days": 14}. A certificate that is not valid, or not for long, is a failure with
// a value that tells the chain nevertheless.
func (n *Network) tlsCheck() ops.Op {
	return ops.Op{Name: "tls.check", Run: func(ctx context.Context, in ops.Input) (ops.Output, error) {
		i, err := readInspection(in)
		if err != nil {
			return ops.Output{}, err
		}
		return n.atTurn(ctx, in, i.address, func() (ops.Output, error) { return n.inspect(ctx, i) })
	}}
}

// readInspection reads the arguments.
func readInspection(in ops.Input) (inspection, error) {
	args := struct {
		Host       string `json:"host"`
		Port       int    `json:"port"`
		ServerName string `json:"server_name"`
		MinDays    int    `json:"min_days"`
	}{Port: 443, MinDays: defaultMinDays}
	if err := in.Args(&args); err != nil {
		return inspection{}, err
	}
	address, err := hostPort(args.Host, args.Port)
	if err != nil {
		return inspection{}, err
	}
	if args.MinDays < 0 || args.MinDays > maxMinDays {
		return inspection{}, invalid("min_days is %d: give a number of days from 0 to %d", args.MinDays, maxMinDays)
	}
	i := inspection{address: address, minDays: args.MinDays}
	i.name, _, _ = net.SplitHostPort(address)
	if args.ServerName != "" {
		if i.name, err = hostName(args.ServerName); err != nil {
			return i, invalid("server_name: %w", err)
		}
	}
	return i, nil
}

func (n *Network) inspect(ctx context.Context, i inspection) (ops.Output, error) {
	start := time.Now()
	facts := &events.FetchFacts{Phases: &events.Phases{}}
	value := certificateValue{Chain: []chainLink{}, Names: []string{}}
	conn, err := n.agent.Dial(ctx, "tcp", i.address)
	if err != nil {
		err = useragent.Verdict(ctx, i.String(), err)
	} else {
		value.Address = conn.RemoteAddr().String()
		facts.Phases.Connect = since(start)
		var seen handshake
		seen, err = n.shake(ctx, conn, i)
		facts.Phases.TLS = since(start) - facts.Phases.Connect
		value.describe(seen, start)
		facts.TLS = seen.facts()
		_ = conn.Close() // nothing is lost
	}
	value.Up, value.ElapsedMS = err == nil, since(start)
	facts.ElapsedMS = value.ElapsedMS
	if err != nil {
		reason, ok := finding(err)
		if !ok {
			return ops.Output{Fetch: facts}, err
		}
		value.Reason = reason
	}
	return ops.Output{Value: ops.JSON(value), Fetch: facts}, err
}

// handshake is what a server has shown.
type handshake struct {
	state  tls.ConnectionState // zero if it did not come so far
	chains [][]*x509.Certificate
}

// shake makes the handshake, as far as it goes, and judges the certificate. Errors are verdicts.
func (n *Network) shake(ctx context.Context, conn net.Conn, i inspection) (handshake, error) {
	var seen handshake
	client := tls.Client(conn, &tls.Config{
		ServerName: i.name,
		MinVersion: tls.VersionTLS12,
		// The certificate is verified just below, in the same way but after it was recorded: a chain that fails is what has to be told.
		// Nothing is sent over the connection beside the handshake.
		InsecureSkipVerify: true, //nolint:gosec // see above
		VerifyConnection: func(state tls.ConnectionState) error {
			seen.state = state
			var err error
			if seen.chains, err = n.verify(state, i.name); err != nil {
				return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
			}
			return nil
		},
	})
	if err := client.HandshakeContext(ctx); err != nil {
		return seen, useragent.Verdict(ctx, i.String(), fmt.Errorf("%w: %w", useragent.ErrHandshake, err))
	}
	return seen, i.judge(seen, time.Now())
}

// verify does what crypto/tls does unless told to skip it.
func (n *Network) verify(state tls.ConnectionState, name string) ([][]*x509.Certificate, error) {
	if len(state.PeerCertificates) == 0 {
		return nil, errors.New("the server has shown no certificate")
	}
	options := x509.VerifyOptions{Roots: n.agent.RootCAs(), DNSName: name, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(c)
	}
	return state.PeerCertificates[0].Verify(options)
}

// judge says whether a valid certificate is valid for long enough, together with those that vouch for it.
func (i inspection) judge(seen handshake, now time.Time) error {
	first := firstToExpire(seen.chains)
	if first == nil || i.minDays == 0 || first.NotAfter.Sub(now) >= time.Duration(i.minDays)*day {
		return nil
	}
	whose := "the certificate"
	if first != seen.state.PeerCertificates[0] {
		whose = fmt.Sprintf("the certificate of its authority %.100q", first.Subject)
	}
	return ops.Fail(events.ReasonTLS, fmt.Errorf("%s: %s expires in %s, on %s: fewer than %d days are left",
		i, whose, days(daysLeft(first.NotAfter, now)), first.NotAfter.UTC().Format(time.DateOnly), i.minDays))
}

// firstToExpire is the certificate by which the server's identity can no longer be verified: the first one of a chain, and of several
// chains, that of the one that holds longest. Nil if there is none.
func firstToExpire(chains [][]*x509.Certificate) *x509.Certificate {
	var last *x509.Certificate
	for _, chain := range chains {
		first := chain[0]
		for _, c := range chain {
			if c.NotAfter.Before(first.NotAfter) {
				first = c
			}
		}
		if last == nil || first.NotAfter.After(last.NotAfter) {
			last = first
		}
	}
	return last
}

func daysLeft(end, now time.Time) int { return int(math.Floor(end.Sub(now).Hours() / 24)) }

func days(n int) string {
	switch n {
	case 0:
		return "less than a day"
	case 1:
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}
