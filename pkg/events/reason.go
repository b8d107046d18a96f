package events

// Reason says why an item did not end ok. The list is closed: it serves as metric label and search term.
// docs/reasons.md explains each with its remedy.
type Reason string

// What users can put right in what they send.
const (
	ReasonBadInput         Reason = "bad_input"         // the message's body or headers cannot be read
	ReasonUnknownRecipe    Reason = "unknown_recipe"    // no recipe has this name
	ReasonMissingParameter Reason = "missing_parameter" // a required parameter is absent
	ReasonInvalidParameter Reason = "invalid_parameter" // a parameter has the wrong type or range, or is not known
	ReasonUnknownOp        Reason = "unknown_op"        // the stage has no such operation
	ReasonUnknownChannel   Reason = "unknown_channel"   // no channel for notices has this name
)

// What the network and the other side did.
const (
	ReasonForbiddenTarget  Reason = "forbidden_target"   // the network guard refused the address, or the operator has not allowed the subject or bucket
	ReasonDNS              Reason = "dns"                // the host name could not be resolved, or has no such record
	ReasonConnect          Reason = "connect"            // no connection, or it broke; or nobody answers a request
	ReasonTLS              Reason = "tls"                // certificate or handshake
	ReasonTimeout          Reason = "timeout"            // no answer within the step's time
	ReasonHTTPStatus       Reason = "http_status"        // an answer with a status that the recipe does not accept
	ReasonProtocol         Reason = "protocol"           // the answer is not valid HTTP, its encoding is broken, or it is not what was expected
	ReasonTooManyRedirects Reason = "too_many_redirects" // more redirects than allowed
	ReasonTooLarge         Reason = "too_large"          // more bytes than allowed
	ReasonRobots           Reason = "robots"             // the site's robots.txt forbids it
	ReasonNotFound         Reason = "not_found"          // there is no such file, object or record
	ReasonStorage          Reason = "storage"            // files or stored objects could not be read or written
	ReasonQuery            Reason = "query"              // the database refused the query
	ReasonRefused          Reason = "refused"            // whoever should take a notice does not want it
)

// What happened inside the pipeline.
const (
	ReasonComputation Reason = "computation" // the operation itself reported an error
	ReasonPanic       Reason = "panic"       // the operation panicked
	ReasonWorkerLost  Reason = "worker_lost" // worker after worker died on the item
	ReasonDeadline    Reason = "deadline"    // the item's own deadline passed before it was done
	ReasonCancelled   Reason = "cancelled"   // its batch was cancelled
	ReasonUndecodable Reason = "undecodable" // a message between services is not what the contract says
	ReasonInternal    Reason = "internal"    // a fault of fetchmill's; the error text says which
)

// Reasons lists the whole closed list.
func Reasons() []Reason {
	return []Reason{
		ReasonBadInput, ReasonUnknownRecipe, ReasonMissingParameter, ReasonInvalidParameter, ReasonUnknownOp, ReasonUnknownChannel,
		ReasonForbiddenTarget, ReasonDNS, ReasonConnect, ReasonTLS, ReasonTimeout, ReasonHTTPStatus, ReasonProtocol,
		ReasonTooManyRedirects, ReasonTooLarge, ReasonRobots, ReasonNotFound, ReasonStorage, ReasonQuery, ReasonRefused,
		ReasonComputation, ReasonPanic, ReasonWorkerLost, ReasonDeadline, ReasonCancelled, ReasonUndecodable, ReasonInternal,
	}
}
