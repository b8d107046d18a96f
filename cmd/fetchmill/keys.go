package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/internal/keys"
	"github.com/fetchmill/fetchmill/internal/topology"
)

// keysCmd groups the commands about keys.
type keysCmd struct {
	Make keysMakeCmd `cmd:"" help:"Make the keys that are missing, and the broker's list of users."`
	Ls   keysLsCmd   `cmd:"" help:"List the users that there are keys of."`
	Show keysShowCmd `cmd:"" help:"Print a secret from the folder of keys, such as the token for HTTP."`
}

// keysDir is the flag of all commands about keys.
type keysDir struct {
	Dir string `default:"keys" placeholder:"DIR" help:"Folder of the keys (default ${default})."`
}

type keysMakeCmd struct {
	keysDir
	output
	Client       []string `sep:"none" placeholder:"NAME" help:"Make a key for a further client; may be repeated."`
	Operator     []string `sep:"none" placeholder:"NAME" help:"Make a key for a further operator; may be repeated."`
	NATSAllow    []string `name:"nats-allow" sep:"none" placeholder:"SUBJECT" help:"What fetchers may send requests to: the same as their flag; may be repeated."`
	ObjectBucket []string `name:"object-bucket" sep:"none" placeholder:"NAME" help:"Object stores that fetchers may read: the same as their flag; may be repeated."`
}

func (*keysMakeCmd) Help() string {
	return `Makes a folder for each user of the broker with its key (nkey), the list of users with their rights (broker/users.conf, which the
configuration of nats-server includes), a token for HTTP and passwords for PostgreSQL and Grafana. What is there stays, but for the list of users,
which is brought up to date: let the broker read it again then (nats-server --signal reload).

The users are setup, the four services, client (submits work, asks for results, follows them) and operator (looks after dead letters and
modules, too). Name all further clients and operators each time; who is not named is no longer in the list.

Examples:

    fetchmill keys make --dir /etc/fetchmill/keys
    fetchmill keys make --client alice --client bob --operator carol
`
}

func (cmd *keysMakeCmd) Run(s *session) error {
	made, err := keys.Make(cmd.Dir, keys.Options{
		Clients: cmd.Client, Operators: cmd.Operator,
		Extra: topology.Extra{Subjects: cmd.NATSAllow, Buckets: cmd.ObjectBucket},
	})
	if printErr := cli.NewWriter(s.stdout, cmd.Output, madeColumns()).All(cli.Each(made), 0); err == nil {
		err = printErr
	}
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	return nil
}

func madeColumns() []cli.Column[keys.Made] {
	return []cli.Column[keys.Made]{
		{Name: "file", Text: func(m keys.Made) string { return m.File }},
		{Name: "action", Text: func(m keys.Made) string { return m.Action }},
	}
}

type keysLsCmd struct {
	keysDir
	output
}

func (*keysLsCmd) Help() string {
	return `The nats command line has to be told a client's inbox, beside the key: the user may subscribe to no other.

Examples:

    fetchmill keys ls
    nats --nkey keys/client/nkey --inbox-prefix "$(fetchmill keys ls -o json | jq -r '.[] | select(.name == "client") | .inbox')" req run.count 1000
`
}

func (cmd *keysLsCmd) Run(s *session) error {
	users, err := keys.List(cmd.Dir)
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	return cli.NewWriter(s.stdout, cmd.Output, userColumns()).All(cli.Each(users), 0)
}

func userColumns() []cli.Column[keys.User] {
	return []cli.Column[keys.User]{
		{Name: "name", Text: func(u keys.User) string { return u.Name }},
		{Name: "key", Text: func(u keys.User) string { return u.Key }},
		{Name: "inbox", Text: func(u keys.User) string { return u.Inbox }},
	}
}

type keysShowCmd struct {
	keysDir
	What string `arg:"" enum:"token,grafana" help:"What to print: token is for HTTP, grafana the password of its admin."`
}

func (*keysShowCmd) Help() string {
	return `Example:

    curl -H "Authorization: Bearer $(fetchmill keys show token)" http://127.0.0.1:8081/v1/batches
`
}

func (cmd *keysShowCmd) Run(s *session) error {
	file := map[string]string{"token": keys.TokenFile, "grafana": keys.GrafanaFile}[cmd.What]
	text, err := os.ReadFile(filepath.Join(cmd.Dir, file))
	if err != nil {
		return fmt.Errorf("keys: %w; make it with: fetchmill keys make", err)
	}
	_, err = fmt.Fprintln(s.stdout, string(text))
	return err
}
