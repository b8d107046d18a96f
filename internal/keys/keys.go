// Package keys makes what the services and their clients show when they connect: a key for each user of the broker, the broker's
// list of users with their rights, a token for HTTP and a password for the database.
//
// Every user has a folder of its own, so that each container can be given its own and no other's.
package keys

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/nats-io/nkeys"

	"github.com/fetchmill/fetchmill/internal/topology"
)

// Files and folders in the folder of all keys.
const (
	UsersFile    = "broker/users.conf" // for the broker: public keys and rights, no secrets
	TokenFile    = "http/token"        // for who asks over HTTP, and who answers
	PasswordFile = "postgres/password" // for the database server
	// PassFile has the same for the sink, as PostgreSQL's clients read it.
	PassFile    = "sink-postgres/pgpass" //nolint:gosec // the name of a file, no secret
	GrafanaFile = "grafana/password"     // for who changes dashboards
	seedName    = "nkey"                 // in the folder of a user
)

// User is somebody who may connect to the broker.
type User struct {
	Name  string        `json:"name"` // of its folder
	Role  topology.Role `json:"-"`
	Key   string        `json:"key"`   // public
	Inbox string        `json:"inbox"` // prefix of the subjects that answers to the user come to
}

// SeedFile is where the user's key is, in the folder of all keys.
func SeedFile(name string) string { return name + "/" + seedName }

// Made is a file that was looked at.
type Made struct {
	File   string
	Action string // "created", "updated" or "unchanged"
}

// The actions.
const (
	Created   = "created"
	Updated   = "updated"
	Unchanged = "unchanged"
)

// Options say what is made beside the keys of the services, of one client and of one operator.
type Options struct {
	Clients   []string // names of further clients
	Operators []string // names of further operators
	Extra     topology.Extra
}

// ErrName means that a name is not fit for a user.
var ErrName = errors.New("not a name for a user")

var nameRE = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// Make makes in dir what is missing. A key that is there stays; the list of users is written anew if it differs, as after an upgrade.
func Make(dir string, o Options) ([]Made, error) {
	users, err := o.users()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of keys: %w", err)
	}
	m := maker{dir: dir}
	for i, u := range users {
		if users[i].Key, err = m.key(u.Name); err != nil {
			return m.made, err
		}
		users[i].Inbox = topology.InboxPrefix(u.Role, users[i].Key)
	}
	rights, err := topology.For(topology.Default()).Rights(o.Extra)
	if err != nil {
		return m.made, err
	}
	if err := m.write(UsersFile, Config(users, rights), publicMode); err != nil {
		return m.made, err
	}
	if _, err := m.secret(TokenFile, secretMode); err != nil {
		return m.made, err
	}
	// Others than our own programs may run as other users, so what they read is guarded by the folder.
	if _, err := m.secret(GrafanaFile, publicMode); err != nil {
		return m.made, err
	}
	password, err := m.secret(PasswordFile, publicMode)
	if err != nil {
		return m.made, err
	}
	return m.made, m.write(PassFile, "*:*:*:*:"+password+"\n", secretMode)
}

// users lists who there is to be, without keys.
func (o Options) users() ([]User, error) {
	var list []User
	for _, r := range topology.Roles() {
		list = append(list, User{Name: string(r), Role: r})
	}
	for _, more := range []struct {
		role  topology.Role
		names []string
	}{{topology.RoleClient, o.Clients}, {topology.RoleOperator, o.Operators}} {
		for _, name := range more.names {
			taken := slices.ContainsFunc(list, func(u User) bool { return u.Name == name }) || slices.Contains(reserved, name)
			if !nameRE.MatchString(name) || taken {
				return nil, fmt.Errorf("%w: %.80q: use 1 to 32 of a-z, 0-9 and '-' that are not the name of another user, of a role or of %v", ErrName, name, reserved)
			}
			list = append(list, User{Name: name, Role: more.role})
		}
	}
	return list, nil
}

// List returns the users whose keys are in a folder.
func List(dir string) ([]User, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", seedName))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there are none in %s; make them with: fetchmill keys make --dir %s", dir, dir)
	}
	var list []User
	for _, file := range files {
		u := User{Name: filepath.Base(filepath.Dir(file))}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if u.Key, err = publicKey(file, text); err != nil {
			return nil, err
		}
		u.Role = topology.RoleClient // or an operator, whose inbox is like it
		if slices.Contains(topology.Roles(), topology.Role(u.Name)) {
			u.Role = topology.Role(u.Name)
		}
		u.Inbox = topology.InboxPrefix(u.Role, u.Key)
		list = append(list, u)
	}
	return list, nil
}

// reserved are the folders that are not of users.
var reserved = []string{"broker", "http", "postgres", "sink-postgres", "grafana"}

const (
	secretMode fs.FileMode = 0o600
	publicMode fs.FileMode = 0o644
)

// maker makes files below dir.
type maker struct {
	dir  string
	made []Made
}

// key returns the public key of a user, whose seed is made if there is none.
func (m *maker) key(name string) (string, error) {
	file := SeedFile(name)
	seed, err := m.keep(file, secretMode, func() (string, error) {
		pair, err := nkeys.CreateUser()
		if err != nil {
			return "", err
		}
		seed, err := pair.Seed()
		return string(seed) + "\n", err
	})
	if err != nil {
		return "", err
	}
	return publicKey(filepath.Join(m.dir, file), []byte(seed))
}

func publicKey(file string, seed []byte) (string, error) {
	pair, err := nkeys.ParseDecoratedNKey(seed)
	if err != nil {
		return "", fmt.Errorf("%s is no key of NATS: %w; remove it, and `fetchmill keys make` makes another one", file, err)
	}
	defer pair.Wipe()
	return pair.PublicKey()
}

// secretBytes is the length of tokens and passwords, before they are written as text.
const secretBytes = 32

// secret returns a random text, which is made if there is none.
func (m *maker) secret(file string, mode fs.FileMode) (string, error) {
	text, err := m.keep(file, mode, func() (string, error) {
		random := make([]byte, secretBytes)
		_, err := rand.Read(random)
		return base64.RawURLEncoding.EncodeToString(random), err
	})
	if err == nil && text == "" {
		err = fmt.Errorf("%s is empty; remove it, and another one is made", filepath.Join(m.dir, file))
	}
	return text, err
}

// keep returns what a file has, and fills it first if there is none.
func (m *maker) keep(file string, mode fs.FileMode, fill func() (string, error)) (string, error) {
	text, err := os.ReadFile(filepath.Join(m.dir, filepath.FromSlash(file)))
	if err == nil {
		m.made = append(m.made, Made{file, Unchanged})
		return string(text), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	made, err := fill()
	if err != nil {
		return "", fmt.Errorf("make %s: %w", file, err)
	}
	return made, m.write(file, made, mode)
}

// write gives a file its content, all at once.
func (m *maker) write(file, text string, mode fs.FileMode) error {
	path := filepath.Join(m.dir, filepath.FromSlash(file))
	action := Created
	switch old, err := os.ReadFile(path); {
	case err == nil && string(old) == text:
		m.made = append(m.made, Made{file, Unchanged})
		return nil
	case err == nil:
		action = Updated
	}
	// The folder may be a volume that belongs to one container only.
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // the folder of all keys is closed to others
		return err
	}
	unfinished := path + ".new"
	if err := os.WriteFile(unfinished, []byte(text), mode); err != nil {
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return err
	}
	m.made = append(m.made, Made{file, action})
	return nil
}
