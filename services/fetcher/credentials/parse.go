package credentials

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/internal/yamldoc"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

// ErrFile means that a file of credentials cannot be used. The text says where and what to write instead.
var ErrFile = errors.New("invalid credentials")

const maxBytes = 1 << 20

var nameRE = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)

// Parse reads a file of credentials; secrets is where what it refers to comes from. Its errors wrap ErrFile and tell all faults with
// their lines; none of them quotes the file, as what stands in the wrong place may be a secret.
func Parse(data []byte, secrets secret.Source) (*Set, error) {
	root, err := yamldoc.Root(data, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	p := parser{secrets: secrets}
	set := p.document(root)
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	return set, nil
}

type parser struct {
	yamldoc.Tree
	secrets secret.Source
}

func (p *parser) document(root *yaml.Node) *Set {
	set := &Set{byName: map[string]*Credential{}}
	if root == nil {
		return set
	}
	p.Mapping(root, "the file", func(key, value *yaml.Node) {
		if !nameRE.MatchString(key.Value) {
			p.Fault(key, "the name of a credential has 1 to 64 of a-z, 0-9, '_', '.' and '-'")
			return
		}
		set.byName[key.Value] = p.credential(key, value)
	})
	return set
}

// credential reads one credential. What it returns after a fault is not used.
func (p *parser) credential(name, node *yaml.Node) *Credential {
	var kinds, hosts int
	var plain bool
	var field string
	var value secret.Secret
	var list []pattern
	p.Mapping(node, "credential "+name.Value, func(key, v *yaml.Node) {
		switch key.Value {
		case "bearer":
			kinds++
			field, value = "Authorization", secret.New("Bearer "+p.secret(v, "bearer"))
		case "basic":
			kinds++
			field, value = "Authorization", p.basic(v)
		case "header":
			kinds++
			field, value = p.header(v)
		case "hosts":
			hosts++
			list = p.hosts(v)
		case "http":
			plain = p.Bool(v, "http")
		default:
			p.Fault(key, "credential %s has a key that is not known: write bearer, basic or header, and hosts and http", name.Value)
		}
	})
	if kinds != 1 {
		p.Fault(name, "credential %s needs one of bearer, basic and header", name.Value)
	}
	if hosts == 0 {
		p.Fault(name, "credential %s needs hosts, the list of where it may be sent, such as [api.github.com]", name.Value)
	}
	return newCredential(name.Value, field, value, list, plain)
}

// basic is for RFC 7617.
func (p *parser) basic(node *yaml.Node) secret.Secret {
	var user, password *yaml.Node
	p.Mapping(node, "basic", func(key, v *yaml.Node) {
		switch key.Value {
		case "user":
			user = v
		case "password":
			password = v
		default:
			p.Fault(key, "basic has a key that is not known: write user and password")
		}
	})
	if user == nil || password == nil {
		p.Fault(node, "basic needs user and password")
		return secret.Secret{}
	}
	name := p.secret(user, "user")
	if strings.Contains(name, ":") {
		p.Fault(user, "user must not have a colon in it")
	}
	return secret.New("Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+p.secret(password, "password"))))
}

func (p *parser) header(node *yaml.Node) (string, secret.Secret) {
	var name string
	var value *yaml.Node
	p.Mapping(node, "header", func(key, v *yaml.Node) {
		switch key.Value {
		case "name":
			name = v.Value
			if useragent.CheckField(name, "") != nil {
				p.Fault(v, "name must be that of a header that requests may have, such as X-Api-Key")
			}
		case "value":
			value = v
		default:
			p.Fault(key, "header has a key that is not known: write name and value")
		}
	})
	if name == "" || value == nil {
		p.Fault(node, "header needs name and value")
		return name, secret.Secret{}
	}
	return name, secret.New(p.secret(value, "value"))
}

func (p *parser) hosts(node *yaml.Node) []pattern {
	if node.Kind != yaml.SequenceNode || len(node.Content) == 0 {
		p.Fault(node, "hosts is a list with at least one host, such as [api.github.com]")
		return nil
	}
	var list []pattern
	for _, n := range node.Content {
		pat, err := parsePattern(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			p.Fault(n, "hosts: %w", errHost)
			continue
		}
		list = append(list, pat)
	}
	return list
}

// secret reads a text and puts in what it refers to.
func (p *parser) secret(node *yaml.Node, what string) string {
	raw, ok := p.Text(node, what)
	if !ok {
		return ""
	}
	text, faults := p.secrets.Expand(raw)
	for _, err := range faults {
		p.Fault(node, "%s: %w", what, err)
	}
	if useragent.CheckField("Authorization", text) != nil {
		p.Fault(node, "%s has characters that headers cannot have, such as a line break at its end", what)
	}
	return text
}
