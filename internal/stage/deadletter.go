package stage

import (
	"fmt"
	"strings"
	"unicode"

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
	header := make(map[string]string, len(m.Header)+7)
	for k, v := range m.Header {
		lower := strings.ToLower(k)
		if !strings.HasPrefix(lower, "nats-") && !strings.HasPrefix(lower, "fetchmill-") {
			header[k] = v
		}
	}
	for k, v := range map[string]string{
		events.HeaderMsgID:       l.MsgID,
		events.HeaderDeadStage:   string(l.Stage),
		events.HeaderDeadReason:  string(l.Reason),
		events.HeaderDeadError:   OneLine(l.Err.Error()),
		events.HeaderDeadSubject: OneLine(m.Subject),
		events.HeaderDeadItem:    l.Item,
		events.HeaderDeadKey:     OneLine(l.Key),
	} {
		if v != "" {
			header[k] = v
		}
	}
	return Outgoing{Subject: events.DeadSubject(l.Stage, l.Recipe), Header: header, Data: m.Data}
}

// Within makes the dead letter so that it has at most so many bytes. If it does not fit, the original headers go, and as much of
// the data as must; the letter says so.
func (l DeadLetter) Within(m Message, most int) Outgoing {
	const framing = 64 // of a message, in bytes
	most -= framing
	out := l.Outgoing(m)
	if len(out.Data)+headerBytes(out.Header) <= most {
		return out
	}
	m.Header = nil
	out = l.Outgoing(m)
	out.Header[events.HeaderDeadError] += fmt.Sprintf(" (the message of %d bytes did not fit with its headers: they and what is too long are cut off)", len(m.Data))
	out.Data = m.Data[:max(0, min(len(m.Data), most-headerBytes(out.Header)))]
	return out
}

func headerBytes(header map[string]string) int {
	n := 0
	for k, v := range header {
		n += len(k) + len(v) + len(": \r\n")
	}
	return n
}

// Bare makes the dead letter without the original: for a broker that finds it too large.
func (l DeadLetter) Bare(m Message) Outgoing { return l.Outgoing(m.stripped()) }

// Rejected is the verdict about a message that ends as nothing but a dead letter. If the broker finds that too large, it keeps
// the reason and gives up the original.
func Rejected(m Message, l DeadLetter) Verdict {
	v := Done(OutcomeRejected, l.Outgoing(m)).Because(l.Reason)
	v.Smaller = func() Verdict { return Done(OutcomeRejected, l.Bare(m)).Because(l.Reason) }
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

// OneLine makes a text fit for a header: one line, no control characters, and not too long.
func OneLine(s string) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD")))
	if len(s) > maxErrorBytes {
		s = Shorten(s, maxErrorBytes) + "…"
	}
	return s
}

// Shorten cuts a text to at most so many bytes, between characters.
func Shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
