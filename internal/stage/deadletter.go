package stage

import (
	"maps"
	"strings"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// DeadLetter describes a message that could not be done.
type DeadLetter struct {
	Stage  events.Stage
	Recipe string // may be unknown
	Item   string // id, may be unknown
	Key    string // may be unknown
	Reason events.Reason
	Err    error
	MsgID  string // unique for the item and stage
}

// maxErrorBytes bounds the error text in results and headers.
const maxErrorBytes = 2048

// Outgoing makes the dead letter: the original bytes, the original headers without those that mean something to the broker
// or to fetchmill, and why it is here.
func (l DeadLetter) Outgoing(m Message) Outgoing {
	header := make(map[string]string, len(m.Header)+12)
	for k, v := range m.Header {
		lower := strings.ToLower(k)
		if !strings.HasPrefix(lower, "nats-") && !strings.HasPrefix(lower, "fetchmill-") {
			header[k] = v
		}
	}
	maps.Copy(header, map[string]string{
		events.HeaderMsgID:       l.MsgID,
		events.HeaderDeadStage:   string(l.Stage),
		events.HeaderDeadReason:  string(l.Reason),
		events.HeaderDeadError:   OneLine(l.Err.Error()),
		events.HeaderDeadSubject: m.Subject,
	})
	for k, v := range map[string]string{events.HeaderDeadItem: l.Item, events.HeaderDeadKey: OneLine(l.Key)} {
		if v != "" {
			header[k] = v
		}
	}
	return Outgoing{Subject: events.DeadSubject(l.Stage, l.Recipe), Header: header, Data: m.Data}
}

// Rejected is the verdict about a message that ends as nothing but a dead letter. If the broker finds that too large, it keeps
// the reason and gives up the original.
func Rejected(m Message, l DeadLetter) Verdict {
	v := Done(OutcomeRejected, l.Outgoing(m))
	v.Smaller = func() Verdict { return Done(OutcomeRejected, l.Outgoing(m.stripped())) }
	return v
}

// stripped is the message without what makes it large: its data, and all headers but those that are carried on.
func (m Message) stripped() Message {
	header := make(map[string]string, len(carried))
	for _, k := range carried {
		if v := m.Header[k]; v != "" && len(v) <= maxErrorBytes {
			header[k] = v
		}
	}
	m.Data, m.Header = nil, header
	return m
}

// OneLine makes a text fit for a header: no control characters, and not too long.
func OneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > maxErrorBytes {
		s = strings.ToValidUTF8(s[:maxErrorBytes], "") + "…"
	}
	return s
}
