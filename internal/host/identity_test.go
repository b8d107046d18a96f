package host

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/certificatestest"
)

// seedFile makes a key and returns its public part and its file.
func seedFile(t *testing.T) (public, file string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	require.NoError(t, err)
	seed, err := pair.Seed()
	require.NoError(t, err)
	public, err = pair.PublicKey()
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "nkey")
	require.NoError(t, os.WriteFile(file, append(seed, '\n'), 0o600))
	return public, file
}

func TestConnect_with_a_key(t *testing.T) {
	noContext(t)
	public, file := seedFile(t)
	s := startBroker(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} })

	t.Run("is the user of the key, with an inbox of its own", func(t *testing.T) {
		nc, err := Connect(t.Context(), ConnectConfig{URL: s.ClientURL(), Timeout: patience, As: Identity{NKey: file}})
		require.NoError(t, err)
		defer nc.Close()
		require.Equal(t, "_INBOX."+public[:16], nc.Opts.InboxPrefix)
	})
	t.Run("has the inbox that it is given", func(t *testing.T) {
		nc, err := Connect(t.Context(), ConnectConfig{URL: s.ClientURL(), Timeout: patience, As: Identity{NKey: file}, Inbox: "_INBOX_sink"})
		require.NoError(t, err)
		defer nc.Close()
		require.Equal(t, "_INBOX_sink", nc.Opts.InboxPrefix)
	})
	t.Run("is told that the broker does not know the key", func(t *testing.T) {
		_, stranger := seedFile(t)
		_, err := Connect(t.Context(), ConnectConfig{URL: s.ClientURL(), Timeout: patience, As: Identity{NKey: stranger}})
		require.ErrorIs(t, err, ErrConnect)
		require.ErrorContains(t, err, "--nkey")
	})
	t.Run("is told what is wrong with the file, and nothing of what is in it", func(t *testing.T) {
		bad := filepath.Join(t.TempDir(), "bad")
		require.NoError(t, os.WriteFile(bad, []byte("SUSECRET"), 0o600))
		for _, file := range []string{bad, bad + "-missing"} {
			_, err := Connect(t.Context(), ConnectConfig{URL: s.ClientURL(), Timeout: patience, As: Identity{NKey: file}})
			require.ErrorIs(t, err, ErrConnect)
			require.ErrorContains(t, err, file)
			require.NotContains(t, err.Error(), "SUSECRET")
		}
	})
}

func TestConnect_over_TLS(t *testing.T) {
	noContext(t)
	authority, other := certificatestest.New(t), certificatestest.New(t)
	pem, err := os.ReadFile(authority.File)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	own, err := tls.LoadX509KeyPair(authority.Issue("broker"))
	require.NoError(t, err)
	s := startBroker(t, func(o *server.Options) {
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{own}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13}
		o.TLS = true
	})
	cert, key := authority.Issue("client")
	strange, strangeKey := other.Issue("client")
	missing := filepath.Join(t.TempDir(), "missing")

	t.Run("each side knows the other", func(t *testing.T) {
		nc, err := Connect(t.Context(), ConnectConfig{URL: s.ClientURL(), Timeout: patience, As: Identity{TLSCA: authority.File, TLSCert: cert, TLSKey: key}})
		require.NoError(t, err)
		defer nc.Close()
		state, err := nc.TLSConnectionState()
		require.NoError(t, err)
		require.Equal(t, "broker", state.PeerCertificates[0].Subject.CommonName)
	})
	for name, row := range map[string]struct {
		as   Identity
		tell string
	}{
		"the broker is not from an authority that is trusted": {Identity{TLSCert: cert, TLSKey: key}, "--tlsca"},
		"the broker is from another authority":                {Identity{TLSCA: other.File, TLSCert: cert, TLSKey: key}, "--tlsca"},
		"nothing is shown":                                    {Identity{TLSCA: authority.File}, "--tlscert"},
		"what is shown is not trusted":                        {Identity{TLSCA: authority.File, TLSCert: strange, TLSKey: strangeKey}, "--tlscert"},
		"a certificate has no key":                            {Identity{TLSCert: cert}, "give both"},
		"the authority is not there":                          {Identity{TLSCA: missing}, "--tlsca"},
		"the certificate is not there":                        {Identity{TLSCert: missing, TLSKey: key}, "--tlscert"},
		"the key does not belong to it":                       {Identity{TLSCA: authority.File, TLSCert: cert, TLSKey: strangeKey}, "private key"},
		"the file of the key is not the key":                  {Identity{TLSCA: authority.File, TLSCert: cert, TLSKey: cert}, "tls:"},
	} {
		t.Run("says what to do when "+name, func(t *testing.T) {
			_, err := Connect(t.Context(), ConnectConfig{URL: s.ClientURL(), Timeout: patience, As: row.as})
			require.ErrorIs(t, err, ErrConnect)
			require.ErrorContains(t, err, row.tell)
		})
	}
	t.Run("says what to do when the broker has no TLS", func(t *testing.T) {
		plain := startBroker(t, nil)
		_, err := Connect(t.Context(), ConnectConfig{URL: plain.ClientURL(), Timeout: patience, As: Identity{TLSCA: authority.File}})
		require.ErrorIs(t, err, ErrConnect)
		require.ErrorContains(t, err, "secure connection")
	})
}
