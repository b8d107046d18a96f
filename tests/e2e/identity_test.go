package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/keys"
)

// identity is a user of a broker that lets only those in whom it knows.
type identity struct {
	dir  string // of all keys
	name string
	more []string // of the environment
}

func (i *identity) seed() string { return filepath.Join(i.dir, keys.SeedFile(i.name)) }

// env has the fetchmill command be the user.
func (i *identity) env() []string {
	if i == nil {
		return nil
	}
	if i.name == "" {
		return i.more
	}
	return append([]string{"NATS_NKEY=" + i.seed()}, i.more...)
}

// flags are what the nats command line needs besides.
func (i *identity) flags(t *testing.T) []string {
	t.Helper()
	if i == nil {
		return nil
	}
	return []string{"--inbox-prefix", i.inbox(t)}
}

func (i *identity) inbox(t *testing.T) string {
	t.Helper()
	users, err := keys.List(i.dir)
	require.NoError(t, err)
	at := slices.IndexFunc(users, func(u keys.User) bool { return u.Name == i.name })
	require.NotEqual(t, -1, at, "there is no user %s", i.name)
	return users[at].Inbox
}

func (i *identity) options(t *testing.T) []nats.Option {
	t.Helper()
	if i == nil {
		return nil
	}
	key, err := nats.NkeyOptionFromSeed(i.seed())
	require.NoError(t, err)
	options := []nats.Option{key, nats.CustomInboxPrefix(i.inbox(t))}
	env := map[string]string{}
	for _, line := range i.more {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	if ca := env["NATS_CA"]; ca != "" {
		options = append(options, nats.RootCAs(ca), nats.ClientCert(env["NATS_CERT"], env["NATS_KEY"]))
	}
	return options
}
