package keys

import (
	"fmt"
	"strings"

	"github.com/fetchmill/fetchmill/internal/topology"
)

// Account is the account of the broker that everything is in.
const Account = "FETCHMILL"

// Config writes the users and their rights as nats-server reads them (its configuration includes the file).
func Config(users []User, rights map[topology.Role]topology.Rights) string {
	var b strings.Builder
	b.WriteString("# Made by `fetchmill keys make`, which writes it anew. The keys are public ones. See docs/security.md.\n")
	fmt.Fprintf(&b, "accounts {\n  %s {\n    jetstream: enabled\n    users: [\n", Account)
	for _, u := range users {
		r := rights[u.Role].With(u.Inbox)
		fmt.Fprintf(&b, "      # %s\n      {\n        nkey: %s\n        permissions: {\n", u.Name, u.Key)
		list(&b, "publish", r.Publish)
		list(&b, "subscribe", r.Subscribe)
		b.WriteString("        }\n      }\n")
	}
	b.WriteString("    ]\n  }\n}\n")
	return b.String()
}

func list(b *strings.Builder, what string, subjects []string) {
	fmt.Fprintf(b, "          %s: {allow: [\n", what)
	for _, s := range subjects {
		fmt.Fprintf(b, "            %q\n", s)
	}
	b.WriteString("          ]}\n")
}
