package topology

import "slices"

// Role names who connects to the broker. Each has a user of its own there, with the rights that access.go says and no others.
type Role string

// The roles. All instances of a service share its user; there may be several clients and operators, each with a user of its own.
const (
	RoleSetup    Role = "setup"    // makes streams, consumers and buckets
	RoleIngest   Role = "ingest"   // takes work in
	RoleFetcher  Role = "fetcher"  // does the I/O
	RoleCruncher Role = "cruncher" // computes
	RoleSink     Role = "sink"     // stores and tells
	RoleClient   Role = "client"   // submits work, asks for results and follows them
	RoleOperator Role = "operator" // a client that also looks after dead letters and modules, and sees how all is
)

// Services lists the roles of services.
func Services() []Role { return []Role{RoleIngest, RoleFetcher, RoleCruncher, RoleSink} }

// Roles lists all roles.
func Roles() []Role {
	return slices.Concat([]Role{RoleSetup}, Services(), []Role{RoleClient, RoleOperator})
}

// people are the roles of those whose inboxes differ, because they need not trust each other.
func people() []Role { return []Role{RoleClient, RoleOperator} }

const (
	peopleInboxes = "_INBOX."
	// keyLength is how much of a public key is in an inbox: enough to be nobody else's.
	keyLength = 16
)

// InboxPrefix is where a user gets answers: below the prefix and a dot. publicKey is needed for clients and operators only.
func InboxPrefix(r Role, publicKey string) string {
	if slices.Contains(people(), r) {
		return PersonInbox(publicKey)
	}
	return "_INBOX_" + string(r)
}

// PersonInbox is the InboxPrefix of a client or an operator.
func PersonInbox(publicKey string) string {
	return peopleInboxes + publicKey[:min(len(publicKey), keyLength)]
}
