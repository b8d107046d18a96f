package events

import "time"

// CloudEvents types of the records.
const (
	TypeItem      = "fetchmill.item.v1"
	TypeResult    = "fetchmill.result.v1"
	TypeBatch     = "fetchmill.batch.v1"
	TypeBatchDone = "fetchmill.batch.done.v1"
	TypeDead      = "fetchmill.dead.v1"
	TypeNotice    = "fetchmill.notice.v1"
	TypeWindow    = "fetchmill.window.v1"
)

// Headers of messages between services. The ce- headers are CloudEvents attributes in binary mode.
const (
	HeaderMsgID       = "Nats-Msg-Id"
	HeaderSpecVersion = "ce-specversion"
	HeaderID          = "ce-id"
	HeaderSource      = "ce-source"
	HeaderType        = "ce-type"
	HeaderContentType = "content-type"
	HeaderTraceParent = "traceparent" // W3C Trace Context
	HeaderTraceState  = "tracestate"
	// HeaderReply is where the sink sends the finished result of an item that somebody waits for.
	HeaderReply = "fetchmill-reply"
	// HeaderTries is how many attempts of the step that an item waits for have failed; absent means none.
	HeaderTries = "fetchmill-tries"
	// HeaderNotBefore is when the next attempt may begin, as FormatTime writes it; absent means at once.
	HeaderNotBefore = "fetchmill-not-before"
)

// Headers of dead letters.
const (
	HeaderDeadStage   = "fetchmill-stage"
	HeaderDeadReason  = "fetchmill-reason"
	HeaderDeadError   = "fetchmill-error"
	HeaderDeadSubject = "fetchmill-subject" // where the message came from
	HeaderDeadItem    = "fetchmill-item"    // the item's id, if it had one
	HeaderDeadKey     = "fetchmill-key"     // the item's key, if it had one
)

// Headers that users may set on what they publish. All others from outside are dropped at ingest.
const (
	HeaderBatch    = "batch"
	HeaderIndex    = "index"
	HeaderLane     = "lane"
	HeaderDeadline = "deadline" // RFC 3339, or a duration from now such as 30s
	// HeaderReduce is what the results of the batch are reduced to: one reduction such as sum(value.count), or a JSON array of several.
	// It may be repeated.
	HeaderReduce = "reduce"
	// HeaderTime is when what the item is about has happened, RFC 3339: the time by which windows go. Of a CloudEvent it is its time.
	HeaderTime = "time"
)

const contentTypeJSON = "application/json"

// Headers returns the headers of a message between services: CloudEvents attributes and the Nats-Msg-Id that makes
// the message recognisable as a duplicate. source is the stage that publishes it.
func Headers(msgID, eventType string, source Stage) map[string]string {
	return map[string]string{
		HeaderMsgID:       msgID,
		HeaderSpecVersion: "1.0",
		HeaderID:          msgID,
		HeaderSource:      "/fetchmill/" + string(source),
		HeaderType:        eventType,
		HeaderContentType: contentTypeJSON,
	}
}

// FormatTime writes a time as the contract has it: RFC 3339 in UTC with nanoseconds.
func FormatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
