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

// Database takes entries in one transaction.
type Database interface {
	Commit(ctx context.Context, entries []store.Entry) ([]store.Outcome, error)
}

// Handler commits messages of the RESULTS stream and announces what is stored then.
type Handler struct {
	db    *committer
	reply func(subject string, data []byte)
	log   *slog.Logger
}

// NewHandler returns a handler that commits into db. reply sends the result of an item that somebody waits for; it is best
// effort, because whoever has stopped waiting finds the result in the database.
func NewHandler(db Database, reply func(subject string, data []byte), log *slog.Logger) *Handler {
	return &Handler{db: &committer{db: db, log: log}, reply: reply, log: log}
}

// Handle is a stage.TogetherHandler: what is there at the same time, in several calls even, goes into one transaction. While it runs, the
// messages for the next one gather, so transactions grow with the load and nobody has to wait for them to fill up.
func (h *Handler) Handle(ctx context.Context, list []stage.Message) []stage.Verdict {
	verdicts := make([]stage.Verdict, len(list))
	cases := make([]readCase, 0, len(list))
	entries := make([]store.Entry, 0, len(list))
	for i, m := range list {
		c := read(m)
		if c.unstorable {
			verdicts[i] = c.verdict()
			continue
		}
		c.place = i
		cases = append(cases, c)
		entries = append(entries, c.entry)
	}
	outcomes, err := h.db.commit(ctx, entries)
	for k, c := range cases {
		if err != nil { // the context has ended; the message comes again
			verdicts[c.place] = stage.Again(0)
			continue
		}
		verdicts[c.place] = h.announce(list[c.place], c, outcomes[k])
	}
	return verdicts
}

// announce tells the world, and whoever waits for it, about a stored result.
func (h *Handler) announce(m stage.Message, c readCase, stored store.Outcome) stage.Verdict {
	if stored.Result == nil {
		return c.verdict()
	}
	data, err := c.encoded(m, stored)
	if err != nil { // it is stored, so delivering the message again cannot change this
		h.log.Error("cannot encode a stored result", logItem, stored.Result.ID, logError, err)
		return c.verdict()
	}
	h.answer(m, stored.Result.ID, data)
	return c.verdict(announcement(m, stored.Result, data))
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
