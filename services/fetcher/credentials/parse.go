package credentials

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

// ErrFile means that a file of credentials cannot be used. The text says where and what to write instead.
var ErrFile = errors.New("invalid credentials")

const (
	maxBytes  = 1 << 20
	maxSecret = 16 << 10
)

var (
	nameRE     = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)
	variableRE = regexp.MustCompile(`\$\{[^}]*\}?`)
	// plainNameRE is how variables are usually called.
	plainNameRE = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)
	lineRE      = regexp.MustCompile(`line (\d+)`)
)

// Parse reads a file of credentials. getenv looks up a variable of the environment, as os.LookupEnv does. Its errors wrap ErrFile and
// tell all faults with their lines; none of them quotes the file, as what stands in the wrong place may be a secret.
func Parse(data []byte, getenv func(string) (string, bool)) (*Set, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%w: the file has %d bytes: at most %d are read", ErrFile, len(data), maxBytes)
	}
	p := parser{getenv: getenv}
	set, err := p.document(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	slices.SortStableFunc(p.faults, func(a, b fault) int { return cmp.Compare(a.line, b.line) })
	var faults []error
	for _, f := range p.faults {
		faults = append(faults, fmt.Errorf("%w: line %d: %w", ErrFile, f.line, f.err))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return set, nil
}

// parser walks the tree of the document by hand: the messages of a decoder quote values.
type parser struct {
	getenv func(string) (string, bool)
	faults []fault
}

type fault struct {
	line int
	err  error
}

func (p *parser) fault(at *yaml.Node, format string, args ...any) {
	p.faults = append(p.faults, fault{at.Line, fmt.Errorf(format, args...)})
}

func (p *parser) document(data []byte) (*Set, error) {
	set := &Set{byName: map[string]*Credential{}}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var root yaml.Node
	if err := dec.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return set, nil
		}
		return nil, notYAML(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one document: write all credentials into one")
	}
	if len(root.Content) != 1 || isNull(root.Content[0]) {
		return set, nil
	}
	p.mapping(root.Content[0], "the file", func(key, value *yaml.Node) {
		if !nameRE.MatchString(key.Value) {
			p.fault(key, "the name of a credential has 1 to 64 of a-z, 0-9, '_', '.' and '-'")
			return
		}
		set.byName[key.Value] = p.credential(key, value)
	})
	return set, nil
}

// notYAML keeps only the line of the decoder's message.
func notYAML(err error) error {
	if m := lineRE.FindString(err.Error()); m != "" {
		return fmt.Errorf("%s: this is not YAML: put texts with special characters into quotes", m)
	}
	return errors.New("the file is not YAML: put texts with special characters into quotes")
}

// credential reads one credential. What it returns after a fault is not used.
func (p *parser) credential(name, node *yaml.Node) *Credential {
	var kinds, hosts int
	var plain bool
	var field string
	var value Secret
	var list []pattern
	p.mapping(node, "credential "+name.Value, func(key, v *yaml.Node) {
		switch key.Value {
		case "bearer":
			kinds++
			field, value = "Authorization", newSecret("Bearer "+p.secret(v, "bearer"))
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
			if plain = v.Value == "true"; v.Kind != yaml.ScalarNode || v.Tag != "!!bool" {
				p.fault(v, "http is true or false")
			}
		default:
			p.fault(key, "credential %s has a key that is not known: write bearer, basic or header, and hosts and http", name.Value)
		}
	})
	if kinds != 1 {
		p.fault(name, "credential %s needs one of bearer, basic and header", name.Value)
	}
	if hosts == 0 {
		p.fault(name, "credential %s needs hosts, the list of where it may be sent, such as [api.github.com]", name.Value)
	}
	return newCredential(name.Value, field, value, list, plain)
}

// basic is for RFC 7617.
func (p *parser) basic(node *yaml.Node) Secret {
	var user, password *yaml.Node
	p.mapping(node, "basic", func(key, v *yaml.Node) {
		switch key.Value {
		case "user":
			user = v
		case "password":
			password = v
		default:
			p.fault(key, "basic has a key that is not known: write user and password")
		}
	})
	if user == nil || password == nil {
		p.fault(node, "basic needs user and password")
		return Secret{}
	}
	name := p.secret(user, "user")
	if strings.Contains(name, ":") {
		p.fault(user, "user must not have a colon in it")
	}
	return newSecret("Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+p.secret(password, "password"))))
}

func (p *parser) header(node *yaml.Node) (string, Secret) {
	var name string
	var value *yaml.Node
	p.mapping(node, "header", func(key, v *yaml.Node) {
		switch key.Value {
		case "name":
			name = v.Value
			if useragent.CheckField(name, "") != nil {
				p.fault(v, "name must be that of a header that requests may have, such as X-Api-Key")
			}
		case "value":
			value = v
		default:
			p.fault(key, "header has a key that is not known: write name and value")
		}
	})
	if name == "" || value == nil {
		p.fault(node, "header needs name and value")
		return name, Secret{}
	}
	return name, newSecret(p.secret(value, "value"))
}

func (p *parser) hosts(node *yaml.Node) []pattern {
	if node.Kind != yaml.SequenceNode || len(node.Content) == 0 {
		p.fault(node, "hosts is a list with at least one host, such as [api.github.com]")
		return nil
	}
	var list []pattern
	for _, n := range node.Content {
		pat, err := parsePattern(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			p.fault(n, "hosts: %w", errHost)
			continue
		}
		list = append(list, pat)
	}
	return list
}

// secret reads a text and puts in what the environment has.
func (p *parser) secret(node *yaml.Node, what string) string {
	if node.Kind != yaml.ScalarNode || node.Tag == "!!null" {
		p.fault(node, "%s must be a text", what)
		return ""
	}
	text := variableRE.ReplaceAllStringFunc(node.Value, func(ref string) string {
		name, closed := strings.CutSuffix(strings.TrimPrefix(ref, "${"), "}")
		if !closed || name == "" {
			p.fault(node, "%s has a ${ that does not end: write ${NAME}", what)
			return ""
		}
		value, ok := p.getenv(name)
		if !ok || value == "" {
			if !plainNameRE.MatchString(name) {
				name = "that it names" // it may be a secret that was put in the braces by mistake
			}
			p.fault(node, "%s: the environment variable %s is not set", what, name)
		}
		return value
	})
	switch {
	case text == "":
		p.fault(node, "%s is empty", what)
	case len(text) > maxSecret:
		p.fault(node, "%s has more than %d bytes", what, maxSecret)
	case useragent.CheckField("Authorization", text) != nil:
		p.fault(node, "%s has characters that headers cannot have, such as a line break at its end", what)
	}
	return text
}

// mapping visits the members of a mapping, each key once.
func (p *parser) mapping(node *yaml.Node, what string, visit func(key, value *yaml.Node)) {
	if node.Kind != yaml.MappingNode {
		p.fault(node, "%s must have keys with values", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || value.Kind == yaml.AliasNode || key.Value == "<<":
			p.fault(key, "write it out: aliases and merged keys are not read")
		case seen[key.Value]:
			p.fault(key, "%s has a key twice", what)
		default:
			seen[key.Value] = true
			visit(key, value)
		}
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
