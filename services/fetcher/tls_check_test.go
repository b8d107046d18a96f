package fetcher

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/porttest"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/internal/dnstest"
)

// trusting makes a Network that trusts an authority, and to which all names that end with .test are 127.0.0.1.
func trusting(t *testing.T, a *authority) *Network {
	t.Helper()
	s := dnstest.New(t, dnstest.Zone{"site.test.": {dnstest.Address("127.0.0.1")}, "inside.test.": {dnstest.Address("10.0.0.1")}}.Reply)
	return network(t, func(c *NetConfig) { c.HTTP.RootCAs, c.HTTP.Resolver = a.pool(), cached(t, s) })
}

func inspect(t *testing.T, ctx context.Context, n *Network, a args) (certificateValue, ops.Output, error) {
	t.Helper()
	out, err := run(ctx, t, n, "tls.check", a)
	var v certificateValue
	if out.Value != nil {
		require.NoError(t, json.Unmarshal(out.Value, &v))
		require.Equal(t, v.ElapsedMS, out.Fetch.ElapsedMS)
		require.Equal(t, err == nil, v.Up)
	}
	return v, out, err
}

func TestTLS_tells_a_valid_chain(t *testing.T) {
	root := newAuthority(t, "root")
	middle := root.authority(t, "middle", 500*day)
	form := template("leaf", 90*day+time.Hour, "site.test", "*.site.test")
	form.IPAddresses = append(form.IPAddresses, net.IPv4(127, 0, 0, 1))
	port := secure(t, with(middle.certify(t, form)))
	v, out, err := inspect(t, t.Context(), trusting(t, root), args{"host": "site.test", "port": port})
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint("127.0.0.1:", port), v.Address)
	require.Equal(t, "TLS 1.3", v.Version)
	require.Regexp(t, "^TLS_", v.Cipher)
	require.Equal(t, "CN=leaf,O=Test", v.Subject)
	require.Equal(t, "CN=middle,O=Test", v.Issuer)
	require.Equal(t, []string{"site.test", "*.site.test", "127.0.0.1"}, v.Names)
	require.Equal(t, form.NotBefore.UTC().Truncate(time.Second), v.NotBefore)
	require.Equal(t, form.NotAfter.UTC().Truncate(time.Second), v.NotAfter)
	require.Equal(t, 90, *v.DaysLeft)
	require.False(t, v.SelfSigned)
	require.Equal(t, []chainLink{
		{"CN=leaf,O=Test", "CN=middle,O=Test", v.NotAfter},
		{"CN=middle,O=Test", "CN=root,O=Test", middle.cert.NotAfter},
	}, v.Chain)
	require.Positive(t, out.Fetch.Phases.TLS)
	require.Equal(t, &events.TLSFacts{Version: v.Version, Cipher: v.Cipher, Expires: v.NotAfter}, out.Fetch.TLS)
	require.Regexp(t, `^\{"up":true,"address":"127.0.0.1:\d+","version":"TLS 1.3","cipher":"\w+","subject":"CN=leaf,O=Test","issuer":"CN=middle,O=Test",`+
		`"names":\[.*\],"not_before":"[^"]+Z","not_after":"[^"]+Z","days_left":90,"self_signed":false,"chain":\[\{"subject":.*,"issuer":.*,"not_after":"[^"]+Z"\},.*\],"elapsed_ms":[0-9.]+\}$`,
		string(out.Value))

	t.Run("by address", func(t *testing.T) {
		_, _, err := inspect(t, t.Context(), trusting(t, root), args{"host": "127.0.0.1", "port": port})
		require.NoError(t, err)
	})
	t.Run("by another name", func(t *testing.T) {
		_, _, err := inspect(t, t.Context(), trusting(t, root), args{"host": "127.0.0.1", "port": port, "server_name": "www.site.test"})
		require.NoError(t, err)
	})
	t.Run("with TLS 1.2", func(t *testing.T) {
		cfg := with(middle.certify(t, form))
		cfg.MaxVersion = tls.VersionTLS12
		v, _, err := inspect(t, t.Context(), trusting(t, root), args{"host": "site.test", "port": secure(t, cfg)})
		require.NoError(t, err)
		require.Equal(t, "TLS 1.2", v.Version)
	})
}

func TestTLS_tells_the_chain_of_a_certificate_that_is_not_valid(t *testing.T) {
	root, stranger := newAuthority(t, "root"), newAuthority(t, "stranger")
	unvouched := root.authority(t, "middle", 500*day)
	unvouched.chain = nil // the server forgets to send it
	self := &authority{}
	early := template("leaf", 90*day, "site.test")
	early.NotBefore = time.Now().Add(10 * day)
	client := template("leaf", 90*day, "site.test")
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	for _, c := range []struct {
		name       string
		cert       tls.Certificate
		text       string
		daysLeft   int
		selfSigned bool
	}{
		{"expired", root.certify(t, template("leaf", -3*day+time.Hour, "site.test")), "certificate has expired", -3, false},
		{"not valid yet", root.certify(t, early), "not yet valid", 89, false},
		{"wrong name", root.certify(t, template("leaf", 90*day+time.Hour, "other.test")), "valid for other.test, not site.test", 90, false},
		{"no name", root.certify(t, template("site.test", 90*day+time.Hour)), "site.test", 90, false},
		{"unknown authority", stranger.certify(t, template("leaf", 90*day+time.Hour, "site.test")), "unknown authority", 90, false},
		{"missing link", unvouched.certify(t, template("leaf", 90*day+time.Hour, "site.test")), "unknown authority", 90, false},
		{"self-signed", self.certify(t, template("leaf", 90*day+time.Hour, "site.test")), "unknown authority", 90, true},
		{"not for servers", root.certify(t, client), "incompatible key usage", 89, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			port := secure(t, with(c.cert))
			v, out, err := inspect(t, t.Context(), trusting(t, root), args{"host": "site.test", "port": port})
			fails(t, err, events.ReasonTLS, false)
			require.ErrorContains(t, err, c.text)
			require.ErrorContains(t, err, fmt.Sprintf("tls site.test:%d: ", port))
			require.Equal(t, events.ReasonTLS, v.Reason)
			require.Equal(t, c.daysLeft, *v.DaysLeft)
			require.Equal(t, c.selfSigned, v.SelfSigned)
			require.Len(t, v.Chain, len(c.cert.Certificate))
			require.Equal(t, "TLS 1.3", v.Version)
			require.NotNil(t, out.Fetch.TLS)
			require.Zero(t, out.Fetch.TLS.Expires)
		})
	}
}

func TestTLS_fails_when_few_days_are_left(t *testing.T) {
	root := newAuthority(t, "root")
	soonOver := root.certify(t, template("leaf", 5*day+time.Hour, "site.test"))
	n, port := trusting(t, root), secure(t, with(soonOver))
	v, _, err := inspect(t, t.Context(), n, args{"host": "site.test", "port": port})
	fails(t, err, events.ReasonTLS, false)
	require.ErrorContains(t, err, "the certificate expires in 5 days, on ")
	require.ErrorContains(t, err, "fewer than 14 days are left")
	require.Equal(t, 5, *v.DaysLeft)
	require.Len(t, v.Chain, 1)
	for _, enough := range []int{0, 1, 5} {
		_, _, err = inspect(t, t.Context(), n, args{"host": "site.test", "port": port, "min_days": enough})
		require.NoError(t, err)
	}
	_, _, err = inspect(t, t.Context(), n, args{"host": "site.test", "port": port, "min_days": 6})
	fails(t, err, events.ReasonTLS, false)

	t.Run("of an authority in between", func(t *testing.T) {
		middle := root.authority(t, "middle", 1*day+time.Hour)
		port := secure(t, with(middle.certify(t, template("leaf", 90*day+time.Hour, "site.test"))))
		v, _, err := inspect(t, t.Context(), n, args{"host": "site.test", "port": port})
		fails(t, err, events.ReasonTLS, false)
		require.ErrorContains(t, err, `the certificate of its authority "CN=middle,O=Test" expires in 1 day`)
		require.Equal(t, 90, *v.DaysLeft)
	})
	t.Run("less than a day", func(t *testing.T) {
		port := secure(t, with(root.certify(t, template("leaf", time.Hour, "site.test"))))
		_, _, err := inspect(t, t.Context(), n, args{"host": "site.test", "port": port})
		require.ErrorContains(t, err, "expires in less than a day")
	})
}

func TestTLS_tells_what_it_found_out_where_there_is_no_handshake(t *testing.T) {
	root := newAuthority(t, "root")
	n := trusting(t, root)
	portOf := func(address string) int { return int(netip.MustParseAddrPort(address).Port()) }
	old := with(root.certify(t, template("leaf", 90*day, "site.test")))
	old.MaxVersion = tls.VersionTLS11
	for _, c := range []struct {
		name      string
		port      int
		reason    events.Reason
		temporary bool
		reached   bool
	}{
		{"nobody listens", portOf(porttest.FreeAddress(t)), events.ReasonConnect, true, false},
		{"no TLS", portOf(listener(t, says("220 mail.test ESMTP\r\n"))), events.ReasonTLS, false, true},
		{"closed at once", portOf(listener(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 2000)) })), events.ReasonConnect, true, true},
		{"no certificate", secure(t, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, io.EOF }}), events.ReasonTLS, false, true},
		{"too old", secure(t, old), events.ReasonTLS, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, out, err := inspect(t, t.Context(), n, args{"host": "site.test", "port": c.port})
			fails(t, err, c.reason, c.temporary)
			require.Equal(t, c.reason, v.Reason)
			require.Equal(t, c.reached, v.Address != "")
			require.Nil(t, out.Fetch.TLS)
			require.Contains(t, string(out.Value), `"names":[],"self_signed":false,"chain":[],"elapsed_ms":`)
		})
	}
	v, _, err := inspect(t, t.Context(), n, args{"host": "missing.test"})
	fails(t, err, events.ReasonDNS, false)
	require.Equal(t, events.ReasonDNS, v.Reason)

	silent := portOf(listener(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }))
	v, _, err = inspect(t, soon(t, 50*time.Millisecond), n, args{"host": "site.test", "port": silent})
	fails(t, err, events.ReasonTimeout, true)
	require.Equal(t, events.ReasonTimeout, v.Reason)
}

func TestTLS_shows_the_chain_to_who_has_no_client_certificate(t *testing.T) {
	root := newAuthority(t, "root")
	cfg := with(root.certify(t, template("leaf", 90*day+time.Hour, "site.test")))
	cfg.ClientAuth, cfg.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
	v, _, err := inspect(t, t.Context(), trusting(t, root), args{"host": "site.test", "port": secure(t, cfg)})
	fails(t, err, events.ReasonTLS, false)
	require.Len(t, v.Chain, 1)
	require.Equal(t, 90, *v.DaysLeft)
}

func TestTLS_says_nothing_about_a_server_that_it_did_not_try(t *testing.T) {
	root := newAuthority(t, "root")
	n := trusting(t, root)
	_, out, err := inspect(t, t.Context(), n, args{"host": "inside.test"})
	fails(t, err, events.ReasonForbiddenTarget, false)
	require.Nil(t, out.Value)

	arrived := make(chan struct{})
	silent := listener(t, func(c net.Conn) { close(arrived); _, _ = io.Copy(io.Discard, c) })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, out, err = inspect(t, ctx, n, args{"host": "127.0.0.1", "port": netip.MustParseAddrPort(silent).Port()})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorAs(t, err, new(*ops.Failure))
	require.Nil(t, out.Value)
}

func TestTLS_caps_what_it_tells(t *testing.T) {
	root := newAuthority(t, "root")
	form := template(strings.Repeat("x", 5000), 90*day, "site.test")
	for i := range maxNames + 20 {
		form.DNSNames = append(form.DNSNames, fmt.Sprintf("%d.%s.test", i, strings.Repeat("y", 1000)))
	}
	cert := root.certify(t, form)
	for range 2 * maxChain {
		cert.Certificate = append(cert.Certificate, root.cert.Raw)
	}
	v, out, err := inspect(t, t.Context(), trusting(t, root), args{"host": "site.test", "port": secure(t, with(cert))})
	require.NoError(t, err)
	require.Len(t, v.Names, maxNames)
	require.Equal(t, 21, v.MoreNames)
	require.Len(t, v.Chain, maxChain)
	require.Less(t, len(out.Value), 64<<10)
}

func TestTLS_refuses_arguments_that_make_no_check(t *testing.T) {
	n := network(t)
	_, _, err := inspect(t, t.Context(), n, args{})
	fails(t, err, events.ReasonMissingParameter, false)
	for _, a := range []args{
		{"host": "a b"},
		{"host": "https://site.test"},
		{"host": "site.test:443"},
		{"host": "fe80::1%eth0"},
		{"host": "site.test", "port": 0},
		{"host": "site.test", "port": 65536},
		{"host": "site.test", "server_name": "a b"},
		{"host": "site.test", "server_name": "::1%lo"},
		{"host": "site.test", "min_days": -1},
		{"host": "site.test", "min_days": 10001},
		{"host": "site.test", "min_days": 1.5},
		{"host": "site.test", "insecure": true},
	} {
		_, out, err := inspect(t, t.Context(), n, a)
		fails(t, err, events.ReasonInvalidParameter, false)
		require.Nil(t, out.Value)
	}
}
