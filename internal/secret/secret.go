package secret

import (
	"log/slog"
	"strings"
)

const redacted = "[redacted]"

// Secret is a text that shows itself to nobody who does not ask for it by Reveal: not in errors, logs, JSON or YAML. The zero Secret
// is empty.
type Secret struct {
	// text is a pointer because fmt asks no methods of unexported fields: with %#v it prints what they hold, and of a pointer in a
	// struct only the address.
	text *string
}

// New makes a secret of a text.
func New(text string) Secret { return Secret{&text} }

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String stands in for the text wherever values are printed, and so do the methods after it.
func (Secret) String() string { return redacted }

// GoString is String.
func (Secret) GoString() string { return redacted }

// LogValue is String.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is String.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Hide makes what takes secrets out of texts, such as the errors of a library that quotes addresses. Very short ones would take the
// texts apart, and tell by that what they are.
func Hide(secrets ...string) *strings.Replacer {
	const shortest = 4
	var pairs []string
	for _, s := range secrets {
		if len(s) >= shortest {
			pairs = append(pairs, s, "***")
		}
	}
	return strings.NewReplacer(pairs...)
}
