package sink

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/internal/web"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Targets changes what is watched, on request.
type Targets struct {
	db      *store.DB
	recipes uptime.Recipes // nil leaves parameters unchecked
	log     *slog.Logger
}

// NewTargets makes a Targets on a database.
func NewTargets(db *store.DB, recipes uptime.Recipes, log *slog.Logger) *Targets {
	return &Targets{db: db, recipes: recipes, log: log}
}

// Answer answers a request to one of the subjects events.SubjectUptime….
func (t *Targets) Answer(ctx context.Context, subject string, header func(name string) string, data []byte) ([]byte, *events.Problem) {
	var applied events.Applied
	var err error
	switch subject {
	case events.SubjectUptimeApply:
		applied, err = t.apply(ctx, header, data)
	case events.SubjectUptimeRemove:
		applied, err = t.remove(ctx, data)
	default:
		return nil, web.NewProblem(http.StatusNotFound, "", fmt.Sprintf("nothing answers on %.80q: use %s or %s", subject,
			events.SubjectUptimeApply, events.SubjectUptimeRemove))
	}
	if err != nil {
		return nil, t.problem(err)
	}
	answer, err := encode(applied)
	if err != nil {
		return nil, t.problem(err)
	}
	return answer, nil
}

func (t *Targets) apply(ctx context.Context, header func(string) string, data []byte) (applied events.Applied, err error) {
	var o store.ApplyOptions
	if o.Prune, err = flag(header, events.HeaderPrune); err != nil {
		return applied, err
	}
	if o.DryRun, err = flag(header, events.HeaderDryRun); err != nil {
		return applied, err
	}
	if data, err = unpack(header(events.HeaderEncoding), data); err != nil {
		return applied, err
	}
	d, err := uptime.Parse(data, t.recipes)
	if err != nil {
		return applied, err
	}
	applied, err = t.db.ApplyTargets(ctx, d, o)
	if err == nil && !o.DryRun && applied.Added+applied.Changed+applied.Removed > 0 {
		t.log.Info("targets applied", logAdded, applied.Added, logChanged, applied.Changed, logRemoved, applied.Removed)
	}
	return applied, err
}

func (t *Targets) remove(ctx context.Context, data []byte) (events.Applied, error) {
	q, err := decodeQuery[events.TargetRemoval](data)
	if err != nil {
		return events.Applied{}, fmt.Errorf("%w: %w", errRequest, err)
	}
	if len(q.Names) == 0 {
		return events.Applied{}, fmt.Errorf(`%w: it names no target: send for example {"names":["shop"]}`, errRequest)
	}
	applied, err := t.db.RemoveTargets(ctx, q.Names)
	if err == nil {
		t.log.Info("targets removed", logRemoved, applied.Removed)
	}
	return applied, err
}

// errRequest means that a request cannot be carried out as it is.
var errRequest = errors.New("the request cannot be carried out")

func flag(header func(string) string, name string) (bool, error) {
	switch v := header(name); v {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, fmt.Errorf("%w: header %s is %.40q: use true or false", errRequest, name, v)
	}
}

// unpack decompresses a document: one of many targets is too large for a message as it is.
func unpack(encoding string, data []byte) ([]byte, error) {
	switch encoding {
	case "", "identity":
		return data, nil
	case "gzip":
	default:
		return nil, fmt.Errorf("%w: header %s is %.40q: use gzip, or leave it out", errRequest, events.HeaderEncoding, encoding)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: its data is not compressed with gzip: %w", errRequest, err)
	}
	plain, err := io.ReadAll(io.LimitReader(z, uptime.MaxDocumentBytes+1)) // what is longer is refused when it is parsed
	if err != nil {
		return nil, fmt.Errorf("%w: its data is not compressed with gzip: %w", errRequest, err)
	}
	return plain, nil
}

// problem turns an error into what the asker gets; the details of a fault of ours stay in the log.
func (t *Targets) problem(err error) *events.Problem {
	switch {
	case errors.Is(err, uptime.ErrDocument), errors.Is(err, errRequest):
		return web.NewProblem(http.StatusBadRequest, events.ReasonBadInput, err.Error())
	case errors.Is(err, store.ErrQuery):
		_, what, _ := strings.Cut(err.Error(), store.ErrQuery.Error()+": ")
		return web.NewProblem(http.StatusNotFound, events.ReasonBadInput, what)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return web.NewProblem(http.StatusServiceUnavailable, "", "the request was given up before it was answered: send it again")
	default:
		t.log.Error("cannot change targets", logError, err)
		return web.NewProblem(http.StatusInternalServerError, events.ReasonInternal, "the database could not be changed: see the log of the sink")
	}
}
