package notices

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/internal/web"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/sink/notices/outlet"
)

// Answer adds what is asked about channels to the sink's service: the list, which every sink answers, and tests, which one does.
func (s *Service) Answer(ctx context.Context, service micro.Service) error {
	list := func(micro.Request) ([]byte, *events.Problem) { return encoded(s.list(ctx)) }
	test := func(req micro.Request) ([]byte, *events.Problem) {
		done, problem := s.test(ctx, req.Data())
		if problem != nil {
			return nil, problem
		}
		return encoded(done)
	}
	err := service.AddEndpoint("channel-list", host.Answer(s.env.Conn, s.env.Log, list),
		micro.WithEndpointSubject(events.SubjectChannelList), micro.WithEndpointQueueGroupDisabled())
	if err == nil {
		err = service.AddEndpoint("channel-test", host.Answer(s.env.Conn, s.env.Log, test), micro.WithEndpointSubject(events.SubjectChannelTest))
	}
	if err != nil {
		return fmt.Errorf("answer requests about channels: %w", err)
	}
	return nil
}

func encoded(v any) ([]byte, *events.Problem) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, web.NewProblem(http.StatusInternalServerError, events.ReasonInternal, err.Error())
	}
	return data, nil
}

// listTime is how long the broker may take to tell how much waits; without it that stays 0.
const listTime = 2 * time.Second

func (s *Service) list(ctx context.Context) events.ChannelList {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	l := events.ChannelList{Channels: []events.ChannelStatus{}}
	for _, name := range s.cfg.Channels.Names() {
		w := s.workers[name]
		st := w.state.status()
		st.Channel, st.Kind, st.Resting = name, w.channel.Kind, w.circuit.resting().UTC()
		if c, err := s.js.Consumer(ctx, topology.StreamNotices, name); err == nil {
			info := c.CachedInfo()
			st.Waiting = info.NumPending + uint64(max(0, info.NumAckPending))
		}
		l.Channels = append(l.Channels, st)
	}
	return l
}

// status is the state without what only the worker knows.
func (s *state) status() events.ChannelStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return events.ChannelStatus{Sent: s.count, LastSent: s.lastSent, LastFailed: s.lastFailed, LastError: s.lastError}
}

// test sends a message at once.
func (s *Service) test(ctx context.Context, data []byte) (events.ChannelTested, *events.Problem) {
	var req events.ChannelTest
	if err := json.Unmarshal(data, &req); err != nil {
		return events.ChannelTested{}, web.NewProblem(http.StatusBadRequest, events.ReasonBadInput, `send for example {"channel":"ops"}`)
	}
	w := s.workers[req.Channel]
	if w == nil {
		there := "this sink has none: start it with --channels FILE"
		if names := s.cfg.Channels.Names(); len(names) > 0 {
			there = "there are " + strings.Join(names, ", ")
		}
		return events.ChannelTested{}, web.NewProblem(http.StatusNotFound, events.ReasonUnknownChannel, fmt.Sprintf("no channel %.64q: %s", req.Channel, there))
	}
	began := time.Now()
	if err := w.test(ctx, req.By); err != nil {
		f := outlet.AsFailure(err)
		return events.ChannelTested{}, web.NewProblem(http.StatusBadGateway, f.Reason, string(f.Reason)+": "+f.Error())
	}
	return events.ChannelTested{Channel: req.Channel, Kind: w.channel.Kind, TookMS: time.Since(began).Milliseconds()}, nil
}

// test sends a test message, and lets the channel go on if that succeeds.
func (w *worker) test(ctx context.Context, by string) error {
	now := time.Now().UTC()
	n := &events.Notice{
		ID:   events.NoticeID(w.channel.Name, events.NoticeTest, events.NewID(now)),
		Kind: events.NoticeTest, Channel: w.channel.Name, What: w.channel.Name, At: now,
	}
	if by != "" {
		n.Cause = "asked for by " + by
	}
	m, err := w.compose([]*held{{notice: n}})
	if err != nil {
		return &outlet.Failure{Err: fmt.Errorf("templates of the channel: %w", err), Reason: events.ReasonInvalidParameter}
	}
	began := time.Now()
	if err := w.channel.Outlet.Send(ctx, m); err != nil {
		f := outlet.AsFailure(err)
		w.metrics.attempt(f)
		w.state.failed(f)
		return f
	}
	w.circuit.succeed()
	w.state.sent(1)
	w.metrics.sent([]*held{{notice: n}}, time.Since(began))
	return nil
}
