package useragent

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Credential is a secret in a header, and knows where it may be sent.
type Credential interface {
	// Field is the name of the header, in its canonical form.
	Field() string
	// For returns the value for a request to u, and false where it must not be sent.
	For(u *url.URL) (value string, ok bool)
	// Refusal is the verdict on an item that would send it to u nevertheless.
	Refusal(u *url.URL) error
}

// secretFor returns the credential of a request to u, nil if there is none. Its errors are verdicts.
func secretFor(r Request, u *url.URL, header http.Header) (Credential, error) {
	if r.Credential == nil {
		return nil, nil //nolint:nilnil // a request without a credential is no error
	}
	for _, key := range []string{r.Credential.Field(), "Authorization"} {
		if header[key] != nil {
			return nil, ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("header %s cannot be set beside a credential: leave out one of the two", key))
		}
	}
	if mayGo(r.Credential, u) {
		return r.Credential, nil
	}
	if r.Origin != nil {
		return nil, nil //nolint:nilnil // dropped, as after a redirect
	}
	return nil, r.Credential.Refusal(u)
}

func mayGo(c Credential, u *url.URL) bool {
	_, ok := c.For(u)
	return ok
}

// complete adds to a header what depends on the URL that it goes to.
func (x *Exchange) complete(header http.Header, secret Credential) http.Header {
	conditional := x.Conditional()
	if secret == nil && !conditional {
		return header
	}
	header = header.Clone()
	if secret != nil {
		if value, ok := secret.For(x.at); ok {
			header.Set(secret.Field(), value)
		}
	}
	if conditional {
		x.known.condition(header)
	}
	return header
}
