// Package credentials keeps the secrets with which items may ask servers. An item names a credential and never carries one; the
// operator's file says what the credential is, and to which hosts it may go:
//
//	github:
//	  bearer: ${GITHUB_TOKEN}
//	  hosts: [api.github.com]
//	intranet:
//	  basic: {user: reader, password: "${INTRANET_PASSWORD}"}
//	  hosts: ["*.example.com"]
//	old:
//	  header: {name: X-Api-Key, value: "${OLD_KEY}"}
//	  hosts: [old.example.com:8080]
//	  http: true # without it only https will do
//
// ${NAME} stands for a variable of the environment, and ${file:PATH} for what a file has in it.
package credentials

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Set is all credentials that there are. A nil Set has none. It does not change once made.
type Set struct{ byName map[string]*Credential }

// Names lists the credentials in alphabetical order.
func (s *Set) Names() []string {
	if s == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.byName))
}

// Find returns a credential. Its error is a verdict and lists the names that there are.
func (s *Set) Find(name string) (*Credential, error) {
	if s != nil && s.byName[name] != nil {
		return s.byName[name], nil
	}
	there := "the operator of the fetcher has set up none (--credentials FILE)"
	if names := s.Names(); len(names) > 0 {
		there = "there are " + strings.Join(names, ", ")
	}
	return nil, ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("auth: unknown credential %.80q: %s", name, there))
}

// Credential is one secret with the hosts that it may be sent to.
type Credential struct {
	name  string
	field string // of the header
	value secret.Secret
	hosts []pattern
	http  bool // without TLS, too
}

// Field is the name of the header that carries the credential.
func (c *Credential) Field() string { return c.field }

// For returns the value of the header for a request to u, and false where the credential must not be sent.
func (c *Credential) For(u *url.URL) (value string, ok bool) {
	if u.Scheme != "https" && !c.http || !slices.ContainsFunc(c.hosts, func(p pattern) bool { return p.matches(u) }) {
		return "", false
	}
	return c.value.Reveal(), true
}

// String tells the name.
func (c *Credential) String() string { return c.name }

// Refusal is the verdict on a request to a URL that the credential must not be sent to.
func (c *Credential) Refusal(u *url.URL) error {
	why, remedy := "hosts does not name it", "add it to hosts"
	if u.Scheme != "https" && !c.http {
		why, remedy = "it is not https", "use https, or set http: true"
	}
	return ops.Fail(events.ReasonForbiddenTarget, fmt.Errorf("credential %s may not be sent to %s://%.200s: %s; "+
		"the operator of the fetcher can %s in the file of credentials", c.name, u.Scheme, u.Host, why, remedy))
}

func newCredential(name, field string, value secret.Secret, hosts []pattern, plain bool) *Credential {
	return &Credential{name: name, field: http.CanonicalHeaderKey(field), value: value, hosts: hosts, http: plain}
}
