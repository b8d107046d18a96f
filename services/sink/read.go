package sink

import (
	"unicode"

	"strings"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// readCase is a message as the sink understands it.
type readCase struct {
	place      int
	entry      store.Entry
	changed    bool             // the entry says something else than the message
	dead       []stage.Outgoing // a dead letter, if the message could not be read
	unstorable bool             // nothing of it can be stored
}

// read finds out what is to be stored of a message. What cannot be read goes to the dead letters, and ends its item if it
// tells which it is.
func read(m stage.Message) readCase {
	e, changed, err := decode(m)
	if err == nil {
		err = e.Validate()
	}
	if err == nil {
		return readCase{entry: e, changed: changed}
	}
	r := salvage(m, err)
	c := readCase{entry: store.Entry{Result: r}, changed: true, dead: []stage.Outgoing{deadLetter(m, r, err)}}
	c.unstorable = r == nil || c.entry.Validate() != nil
	return c
}

// encoded is the stored result as JSON: the message's own, unless it says something else.
func (c readCase) encoded(m stage.Message, stored store.Outcome) ([]byte, error) {
	if stored.New && !c.changed {
		return m.Data, nil
	}
	return encode(stored.Result)
}

// deadLetter carries the original bytes. Its message id is the place of the original in its stream, so that a
// redelivery makes no second letter.
func deadLetter(m stage.Message, r *events.Result, cause error) stage.Outgoing {
	h := events.Headers(events.IDFromSequence(m.Seq, m.Stored)+".dead", events.TypeDead, events.StageSink)
	h[events.HeaderContentType] = "application/octet-stream"
	h[events.HeaderDeadStage] = string(events.StageSink)
	h[events.HeaderDeadReason] = string(events.ReasonUndecodable)
	h[events.HeaderDeadError] = headerText(cause.Error())
	h[events.HeaderDeadSubject] = m.Subject
	if r != nil {
		h[events.HeaderDeadItem] = r.ID
		h[events.HeaderDeadKey] = headerText(r.Key)
	}
	return stage.Outgoing{Subject: events.DeadSubject(events.StageSink, "_"), Header: h, Data: m.Data}
}

const maxHeaderText = 1000

// headerText makes a text fit for a header: one line of at most 1,000 bytes.
func headerText(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) > maxHeaderText {
		s = strings.ToValidUTF8(s[:maxHeaderText], "")
	}
	return s
}
