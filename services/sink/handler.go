package sink

import (
	"context"
	"log/slog"
	"strings"
	"unicode"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Handler commits messages of the RESULTS stream and announces what is stored then.
type Handler struct {
	committer *Committer
	reply     func(subject string, data []byte)
	log       *slog.Logger
}

// NewHandler returns a handler that commits through c. reply sends the result of an item that somebody waits for; it is best
// effort, because whoever has stopped waiting finds the result in the database.
func NewHandler(c *Committer, reply func(subject string, data []byte), log *slog.Logger) *Handler {
	return &Handler{committer: c, reply: reply, log: log}
}

// Handle is a stage.Handler.
func (h *Handler) Handle(ctx context.Context, m stage.Message) stage.Verdict {
	e, err := decode(m)
	if err != nil {
		return h.reject(ctx, m, err)
	}
	return h.commit(ctx, m, e)
}

// commit waits for the entry to be stored. out is published together with the announcement.
func (h *Handler) commit(ctx context.Context, m stage.Message, e store.Entry, out ...stage.Outgoing) stage.Verdict {
	stored, err := h.committer.Add(ctx, e)
	switch {
	case undecodable(err) && len(out) > 0: // even what was salvaged cannot be stored
		return stage.Done(stage.OutcomeRejected, out...)
	case undecodable(err):
		return h.reject(ctx, m, err)
	case err != nil: // the context has ended or the committer has; the message comes again
		return stage.Again(0)
	case stored.Result == nil:
		return stage.Done(stage.OutcomeDone)
	}
	data, err := encode(stored.Result)
	if err != nil { // it is stored, so delivering the message again cannot change this
		h.log.Error("cannot encode a stored result", logItem, stored.Result.ID, logError, err)
		return stage.Done(stage.OutcomeDone, out...)
	}
	h.answer(m, stored.Result.ID, data)
	outcome := stage.OutcomeDone
	if len(out) > 0 {
		outcome = stage.OutcomeRejected
	}
	return stage.Done(outcome, append(out, announcement(m, stored.Result, data))...)
}

// announcement is the message that tells the world about a stored result.
func announcement(m stage.Message, r *events.Result, data []byte) stage.Outgoing {
	h := events.Headers(r.ID+".done", events.TypeResult, events.StageSink)
	for _, name := range []string{events.HeaderTraceParent, events.HeaderTraceState} {
		if v := m.Header[name]; v != "" {
			h[name] = v
		}
	}
	return stage.Outgoing{Subject: events.DoneSubject(r.Recipe), Header: h, Data: data}
}

// answer sends the result to whoever waits for it.
func (h *Handler) answer(m stage.Message, id string, data []byte) {
	subject := m.Header[events.HeaderReply]
	if subject == "" {
		return
	}
	if events.Internal(subject) || strings.ContainsFunc(subject, notInReply) {
		h.log.Warn("reply refused: its subject belongs to the broker or to fetchmill, or is no subject", logItem, id, logSubject, subject)
		return
	}
	h.reply(subject, data)
}

// notInReply tells characters that a literal subject cannot have.
func notInReply(r rune) bool {
	return r == '*' || r == '>' || unicode.IsSpace(r) || unicode.IsControl(r)
}

// reject puts a message that cannot be read among the dead letters, and ends its item if the message tells which it is.
func (h *Handler) reject(ctx context.Context, m stage.Message, cause error) stage.Verdict {
	r := salvage(m, cause)
	letter := deadLetter(m, r, cause)
	original := stage.Message{Subject: m.Subject, Header: letterHeader(letter), Data: m.Data}
	if r == nil {
		return stage.Rejected(original, letter)
	}
	v := h.commit(ctx, m, store.Entry{Result: r}, letter.Outgoing(original))
	if len(v.Publish) > 0 {
		rest := v.Publish[1:]
		v.Smaller = func() stage.Verdict {
			return stage.Done(stage.OutcomeRejected, append([]stage.Outgoing{letter.Bare(original)}, rest...)...)
		}
	}
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
