package sink

import (
	"bytes"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// readCase is a message as the sink understands it.
type readCase struct {
	place      int
	entry      store.Entry
	changed    bool              // the entry says something else than the message
	letter     *stage.DeadLetter // if the message could not be read
	original   stage.Message     // what the letter keeps
	unstorable bool              // nothing of the message can be stored
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
	letter := deadLetter(m, r, err)
	c := readCase{
		entry: store.Entry{Result: r}, changed: true, letter: &letter,
		original: stage.Message{Subject: m.Subject, Header: letterHeader(letter), Data: m.Data},
	}
	c.unstorable = r == nil || c.entry.Validate() != nil
	return c
}

// encoded is the stored result as JSON: the message's own, unless it says something else.
func (c readCase) encoded(m stage.Message, stored store.Outcome) ([]byte, error) {
	if stored.New && !c.changed {
		if data, ok := asAnnounced(m.Data, c.entry.Result); ok {
			return data, nil
		}
	}
	return encode(stored.Result)
}

// verdict publishes out, after a dead letter if there is one; should the letter be too large, without the original.
func (c readCase) verdict(out ...stage.Outgoing) stage.Verdict {
	if c.letter == nil {
		return stage.Done(stage.OutcomeDone, out...)
	}
	with := func(letter stage.Outgoing) stage.Verdict {
		return stage.Done(stage.OutcomeRejected, append([]stage.Outgoing{letter}, out...)...).Because(c.letter.Reason)
	}
	v := with(c.letter.Outgoing(c.original))
	v.Smaller = func() stage.Verdict { return with(c.letter.Bare(c.original)) }
	return v
}

// deadLetter describes the message. The letter's id is the place of the original in its stream, so that a redelivery makes
// no second letter.
func deadLetter(m stage.Message, r *events.Result, cause error) stage.DeadLetter {
	l := stage.DeadLetter{
		Stage: events.StageSink, Reason: events.ReasonUndecodable, Err: cause, MsgID: events.IDFromSequence(m.Seq, m.Stored) + ".dead",
	}
	if r != nil {
		l.Item, l.Key = r.ID, r.Key
	}
	return l
}

// letterHeader describes the letter in place of the original, whose headers are as doubtful as its data.
func letterHeader(l stage.DeadLetter) map[string]string {
	h := events.Headers(l.MsgID, events.TypeDead, l.Stage)
	h[events.HeaderContentType] = "application/octet-stream"
	return h
}

// asAnnounced takes off a result what is only for the sink: the reductions, the time and the windows. All our stages write them last.
func asAnnounced(data []byte, r *events.Result) ([]byte, bool) {
	if len(r.Reduce) == 0 && len(r.Window) == 0 && r.Time.IsZero() {
		return data, true
	}
	bare := events.Result{Reduce: r.Reduce, Time: r.Time, Window: r.Window}
	with, err := bare.Encode()
	if err != nil {
		return nil, false
	}
	bare = events.Result{}
	without, err := bare.Encode()
	if err != nil {
		return nil, false
	}
	own := with[len(without)-len("}"):] // with a comma before and the bracket that closes the whole
	if !bytes.HasSuffix(data, own) {
		return nil, false
	}
	end := len(data) - len(own)
	return append(data[:end:end], '}'), true
}
