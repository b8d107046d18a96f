package sink

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	// refreshEvery is how often the database is asked for changed targets and for rechecks.
	refreshEvery = time.Second
	// gather is how long checks that are due gather, so that they go out together.
	gather = 20 * time.Millisecond
	// orderAtOnce and orderTime bound what is published together.
	orderAtOnce = 1000
	orderTime   = 3 * time.Second
	// minDeadline is how long a check may wait for a fetcher at least. Later it would tell about another time.
	minDeadline = time.Minute
)

// Scheduler orders the checks of all targets when they are due. Every sink does: which check is due when follows from the targets and the
// clock alone, so all of them order the same under the same id, and the broker and the database take it once.
type Scheduler struct {
	db      *store.DB
	publish func(context.Context, []stage.Outgoing) error
	log     *slog.Logger
	clock   *clock
	metrics *schedulerMetrics

	agenda  *uptime.Agenda
	secret  uptime.Secret
	version int64
	unsent  []uptime.Due
	wait    backoff
}

// NewScheduler makes a scheduler; publish returns when the broker has confirmed all messages.
func NewScheduler(
	db *store.DB, publish func(context.Context, []stage.Outgoing) error, now func() time.Time, log *slog.Logger, reg prometheus.Registerer,
) (*Scheduler, error) {
	m, err := newSchedulerMetrics(reg)
	return &Scheduler{db: db, publish: publish, log: log, clock: newClock(now), metrics: m, version: -1}, err
}

// Run orders checks until ctx ends.
func (s *Scheduler) Run(ctx context.Context) {
	s.begin()
	var refreshed uptime.Instant
	for {
		said, set := s.clock.look()
		if set < -uptime.Grace {
			s.log.Warn("the clock was put back; checks go on from there", logBack, -set)
			s.begin()
		}
		now := uptime.InstantOf(said)
		if now.Sub(refreshed) >= refreshEvery || now < refreshed { // the clock may be put back
			refreshed = now
			if err := s.refresh(ctx, now); err != nil && ctx.Err() == nil {
				s.log.Error("cannot read what is to be watched; the next try comes by itself", logError, err)
			}
		}
		delay := s.order(ctx, s.instant())
		if delay == 0 {
			next := s.agenda.Next(refreshed.Add(refreshEvery))
			delay = max(next.Sub(s.instant()), gather)
		}
		if !host.Pause(ctx, min(delay, refreshEvery)) {
			return
		}
	}
}

// begin makes a new agenda. What was due while nobody was there is made up for, unless it is too long ago or somebody else has done it.
func (s *Scheduler) begin() {
	s.agenda, s.unsent, s.version = uptime.NewAgenda(s.instant().Add(-uptime.Grace)), nil, -1
}

func (s *Scheduler) instant() uptime.Instant { return uptime.InstantOf(s.clock.now()) }

// refresh learns what has changed in the database.
func (s *Scheduler) refresh(ctx context.Context, now uptime.Instant) error {
	version, err := s.db.WatchVersion(ctx)
	if err != nil {
		return err
	}
	if version != s.version {
		w, err := s.db.Watched(ctx)
		if err != nil {
			return err
		}
		targets := make([]*uptime.Target, len(w.Targets))
		for i := range w.Targets {
			targets[i] = w.Targets[i].Target
		}
		s.agenda.Replace(targets, func(i int) uptime.Instant {
			if last := w.Targets[i].Last; last <= now.Add(uptime.Grace) {
				return last
			}
			return 0 // from before the clock was put back
		})
		s.secret, s.version = w.Secret, w.Version
		s.metrics.targets.Set(float64(len(targets)))
		if version > 0 {
			s.log.Info("targets to watch", logTargets, len(targets), logVersion, version)
		}
	}
	if version == 0 {
		return nil
	}
	list, err := s.db.Rechecks(ctx, now.Add(-uptime.Grace), now.Add(2*refreshEvery))
	if err != nil {
		return err
	}
	for _, r := range list {
		s.agenda.Recheck(uint32(r.Target), r.At)
	}
	return nil
}

// order publishes what is due, and what could not be published before and is not too late yet. It returns how long to wait if that fails.
func (s *Scheduler) order(ctx context.Context, now uptime.Instant) time.Duration {
	due := slices.Concat(s.unsent, s.agenda.Due(now))
	s.unsent = nil
	s.metrics.skipped.Add(float64(s.agenda.Skipped()))
	for len(due) > 0 {
		n := min(orderAtOnce, len(due))
		if err := s.send(ctx, due[:n]); err != nil {
			if ctx.Err() != nil {
				return 0
			}
			s.keep(due, now)
			delay := s.wait.next()
			s.log.Error("cannot order checks: the stream of work is full, or the broker away; what comes too late is skipped",
				logError, err, logChecks, len(due), logRetryIn, delay)
			return delay
		}
		s.metrics.ordered.Add(float64(n))
		due = due[n:]
	}
	s.wait = backoff{}
	return 0
}

// keep remembers what is not too late yet.
func (s *Scheduler) keep(due []uptime.Due, now uptime.Instant) {
	for _, d := range due {
		if now.Sub(d.At) <= uptime.Grace {
			s.unsent = append(s.unsent, d)
		} else {
			s.metrics.skipped.Inc()
		}
	}
}

func (s *Scheduler) send(ctx context.Context, due []uptime.Due) error {
	ctx, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	out := make([]stage.Outgoing, len(due))
	for i, d := range due {
		out[i] = order(s.secret, d)
	}
	return s.publish(ctx, out)
}

// order is a check as an item that anybody might submit. It goes before others, because its time is part of what it asks.
func order(secret uptime.Secret, d uptime.Due) stage.Outgoing {
	return stage.Outgoing{
		Subject: events.WorkSubject(d.Recipe),
		Header: map[string]string{
			events.HeaderMsgID:    secret.Check(d.Target, d.At, d.Recheck).Key(),
			events.HeaderLane:     string(events.LaneHigh),
			events.HeaderDeadline: events.FormatTime(d.At.Add(max(d.Interval(), minDeadline)).Time()),
		},
		Data: d.Params,
	}
}
