package channels

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/fetchmill/fetchmill/internal/yamldoc"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/sink/notices/wording"
)

// Parse reads a file of channels. Its errors wrap ErrFile and tell all faults with their lines; apart from templates and names none of
// them quotes the file, as what stands in the wrong place may be a secret.
func Parse(data []byte, cfg Config) (*Catalogue, error) {
	root, err := yamldoc.Root(data, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	c := new(Catalogue)
	if root == nil {
		return c, nil
	}
	p := parser{cfg: cfg, wording: wording.Default()}
	p.file(root, c)
	if err := p.Err(); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	return c, nil
}

type parser struct {
	yamldoc.Tree
	cfg     Config
	wording *wording.Wording // of all channels
}

func (p *parser) file(root *yaml.Node, c *Catalogue) {
	members := map[string]*yaml.Node{}
	p.Mapping(root, "the file", func(key, value *yaml.Node) {
		switch key.Value {
		case "templates", "channels", "batch_done", "dead_letters":
			members[key.Value] = value
		default:
			p.Fault(key, "the file has a key that is not known: write channels, templates, batch_done and dead_letters")
		}
	})
	if node := members["templates"]; node != nil { // before the channels, wherever they stand
		p.wording = p.templates(node, p.wording)
	}
	if node := members["channels"]; node != nil {
		p.Mapping(node, "channels", func(key, value *yaml.Node) {
			if events.ValidName(key.Value) != nil {
				p.Fault(key, "the name of a channel has 1 to 64 of a-z, 0-9, '_' and '-', and begins with a letter or a digit")
				return
			}
			if ch := p.channel(key, value); ch != nil {
				c.Channels = append(c.Channels, ch)
			}
		})
	}
	if node := members["batch_done"]; node != nil {
		c.Batches = p.batchRules(node, c)
	}
	if node := members["dead_letters"]; node != nil {
		c.DeadLetters = p.deadLetters(node, c)
	}
}

func (p *parser) templates(node *yaml.Node, w *wording.Wording) *wording.Wording {
	p.Mapping(node, "templates", func(name, value *yaml.Node) {
		var t wording.Templates
		p.Mapping(value, "templates of "+name.Value, func(key, v *yaml.Node) {
			text, _ := p.Text(v, key.Value)
			switch key.Value {
			case "subject":
				t.Subject = text
			case "text":
				t.Text = text
			default:
				p.Fault(key, "templates have a subject and a text")
			}
		})
		next, err := w.With(name.Value, t)
		if err != nil {
			p.Fault(name, "%w", err)
			return
		}
		w = next
	})
	return w
}

func (p *parser) batchRules(node *yaml.Node, c *Catalogue) []BatchRule {
	if node.Kind != yaml.SequenceNode {
		p.Fault(node, "batch_done is a list of rules such as - {recipes: [nightly], channels: [ops]}")
		return nil
	}
	var rules []BatchRule
	for _, n := range node.Content {
		var r BatchRule
		p.Mapping(n, "a rule of batch_done", func(key, v *yaml.Node) {
			switch key.Value {
			case "channels":
				r.Channels = p.channels(v, c)
			case "recipes":
				r.Recipes = p.names(v, "recipes")
			case "unwell":
				r.Unwell = p.Bool(v, "unwell")
			default:
				p.Fault(key, "a rule of batch_done has channels, recipes and unwell")
			}
		})
		if len(r.Channels) == 0 {
			p.Fault(n, "a rule of batch_done needs channels")
		}
		rules = append(rules, r)
	}
	return rules
}

const (
	defaultDeadAt    = 1
	defaultDeadEvery = time.Hour
)

func (p *parser) deadLetters(node *yaml.Node, c *Catalogue) DeadLetterRule {
	r := DeadLetterRule{At: defaultDeadAt, Every: defaultDeadEvery}
	p.Mapping(node, "dead_letters", func(key, v *yaml.Node) {
		switch key.Value {
		case "channels":
			r.Channels = p.channels(v, c)
		case "at":
			r.At = p.number(v, "at", 1, 1_000_000_000)
		case "every":
			r.Every = p.duration(v, "every", time.Minute, 7*24*time.Hour)
		default:
			p.Fault(key, "dead_letters has channels, at and every")
		}
	})
	if len(r.Channels) == 0 {
		p.Fault(node, "dead_letters needs channels")
	}
	return r
}

// channels reads a list of names of channels that there are.
func (p *parser) channels(node *yaml.Node, c *Catalogue) []string {
	list := p.names(node, "channels")
	for _, name := range list {
		if c.Find(name) == nil {
			p.Fault(node, "channels: there is no channel %s in this file", name)
		}
	}
	return list
}

// names reads a list of names.
func (p *parser) names(node *yaml.Node, what string) []string {
	var list []string
	for _, text := range p.list(node, what) {
		if events.ValidName(text) != nil {
			p.Fault(node, "%s has something in it that is no name: write 1 to 64 of a-z, 0-9, '_' and '-'", what)
			continue
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (p *parser) list(node *yaml.Node, what string) []string {
	if node.Kind != yaml.SequenceNode || len(node.Content) == 0 {
		p.Fault(node, "%s is a list with at least one element", what)
		return nil
	}
	var list []string
	for _, n := range node.Content {
		if text, ok := p.Text(n, what); ok {
			list = append(list, strings.TrimSpace(text))
		}
	}
	return list
}
