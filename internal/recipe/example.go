package recipe

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/fetchmill/fetchmill/pkg/events"
)

var shellSafe = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)

// makeExample writes a command that sends a valid item: the primary parameter as plain text if that is enough.
func (r *Recipe) makeExample() string {
	body := []byte{'{'}
	others := false
	for i := range r.Params {
		p := &r.Params[i]
		if !p.Required && i != r.primary {
			continue
		}
		others = others || i != r.primary
		if len(body) > 1 {
			body = append(body, ',')
		}
		body = appendMember(body, p.Name, p.example())
	}
	text := string(append(body, '}'))
	if r.primary >= 0 && !others {
		text = string(r.Params[r.primary].example())
		if text[0] == '"' {
			text, _ = unquote(json.RawMessage(text))
		}
	}
	if !shellSafe.MatchString(text) {
		text = "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return "nats pub " + events.WorkSubject(r.Name) + " " + text
}

// example is a value to show: the recipe's own, or one that fits the type.
func (p *Param) example() json.RawMessage {
	switch {
	case p.Example != nil:
		return p.Example
	case p.Default != nil:
		return p.Default
	case len(p.Enum) > 0:
		return p.Enum[0]
	case p.Type == TypeInteger || p.Type == TypeNumber:
		if p.Min != nil {
			return json.RawMessage(float(*p.Min))
		}
		return json.RawMessage("1")
	case p.Type == TypeURL:
		return json.RawMessage(`"https://example.com/"`)
	case p.Type == TypeBoolean:
		return json.RawMessage("true")
	case p.Type == TypeObject:
		return json.RawMessage("{}")
	default:
		return json.RawMessage(`"text"`)
	}
}
