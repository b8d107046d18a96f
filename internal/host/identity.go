package host

import (
	"errors"
	"fmt"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/fetchmill/fetchmill/internal/topology"
)

// Identity says as whom to connect to the broker, and how to know the broker. The flags are named as those of the nats command line, and
// the same variables of the environment count.
type Identity struct {
	NKey    string `name:"nkey" env:"NATS_NKEY" placeholder:"FILE" group:"global" help:"Connect as the user whose key is in this file, as 'fetchmill keys make' makes them ($NATS_NKEY)."`
	TLSCA   string `name:"tlsca" env:"NATS_CA" placeholder:"FILE" group:"global" help:"Trust brokers whose certificate is from the authority in this PEM file, and no others ($NATS_CA)."`
	TLSCert string `name:"tlscert" env:"NATS_CERT" placeholder:"FILE" group:"global" help:"Show the broker the certificate in this PEM file ($NATS_CERT)."`
	TLSKey  string `name:"tlskey" env:"NATS_KEY" placeholder:"FILE" group:"global" help:"The key of that certificate ($NATS_KEY)."`
}

// options makes what the connection needs. The prefix of the inbox is empty if nothing is known about the user.
func (i Identity) options() (opts []nats.Option, inbox string, err error) {
	if i.NKey != "" {
		key, err := publicKey(i.NKey)
		if err != nil {
			return nil, "", fmt.Errorf("%w: --nkey %s: %w; make keys with: fetchmill keys make", ErrConnect, i.NKey, err)
		}
		opt, err := nats.NkeyOptionFromSeed(i.NKey)
		if err != nil {
			return nil, "", fmt.Errorf("%w: --nkey %s: %w", ErrConnect, i.NKey, err)
		}
		opts, inbox = append(opts, opt), topology.PersonInbox(key)
	}
	if i.TLSCA != "" {
		if _, err := os.Stat(i.TLSCA); err != nil { // the library would only say so when it connects
			return nil, "", fmt.Errorf("%w: --tlsca: %w", ErrConnect, err)
		}
		opts = append(opts, nats.RootCAs(i.TLSCA))
	}
	switch {
	case (i.TLSCert == "") != (i.TLSKey == ""):
		return nil, "", fmt.Errorf("%w: --tlscert and --tlskey belong together: give both", ErrConnect)
	case i.TLSCert != "":
		for flag, file := range map[string]string{"--tlscert": i.TLSCert, "--tlskey": i.TLSKey} {
			if _, err := os.Stat(file); err != nil {
				return nil, "", fmt.Errorf("%w: %s: %w", ErrConnect, flag, err)
			}
		}
		opts = append(opts, nats.ClientCert(i.TLSCert, i.TLSKey))
	}
	return opts, inbox, nil
}

// publicKey reads which user a file is the key of.
func publicKey(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	pair, err := nkeys.ParseDecoratedNKey(text)
	if err != nil {
		return "", errors.New("this is no key of NATS (a line that begins with SU)")
	}
	defer pair.Wipe()
	return pair.PublicKey()
}
