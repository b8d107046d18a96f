package host

import (
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Announce makes a service known to the broker (NATS micro), so that `fetchmill status` and `nats micro ls` see it.
// metadata tells how it is set up, and stats, if not nil, how it is doing: what it returns, in JSON, is in the statistics of each endpoint.
func Announce(nc *nats.Conn, name, description string, metadata map[string]string, stats func() any) (micro.Service, error) {
	cfg := micro.Config{Name: name, Version: Version(), Description: description, Metadata: metadata}
	if stats != nil {
		cfg.StatsHandler = func(*micro.Endpoint) any { return stats() }
	}
	service, err := micro.AddService(nc, cfg)
	if err != nil {
		return nil, fmt.Errorf("announce service %s: %w", name, err)
	}
	return service, nil
}

// maxRequests bounds the requests that an endpoint works on at the same time.
const maxRequests = 256

// Answer makes a micro handler of a function that returns the answer or a problem; with neither it has been, or will be,
// answered by somebody else. Requests run side by side, at most 256 of them. One that asks for the answer on a subject of fetchmill or of
// the broker gets none: it would have a service write where only the service may.
func Answer(nc *nats.Conn, log *slog.Logger, answer func(micro.Request) ([]byte, *events.Problem)) micro.Handler {
	free := make(chan struct{}, maxRequests)
	return micro.HandlerFunc(func(req micro.Request) {
		if events.Internal(req.Reply()) {
			log.Warn("a request is not answered: its reply subject belongs to the broker or to fetchmill", "subject", req.Subject(), "reply", req.Reply())
			return
		}
		free <- struct{}{}
		go func() {
			defer func() { <-free }()
			data, problem := answer(req)
			if problem == nil && data == nil {
				return
			}
			if err := nc.PublishMsg(reply(req.Reply(), data, problem)); err != nil {
				log.Warn("a request could not be answered", "subject", req.Subject(), "error", err)
			}
		}()
	})
}

// reply is what Respond and Error of a micro.Request would send. They note the outcome in the request, which micro reads as soon as
// its handler has returned: from a goroutine that outlives the handler they are a data race.
func reply(subject string, data []byte, problem *events.Problem) *nats.Msg {
	m := nats.NewMsg(subject)
	m.Data = data
	if problem != nil {
		m.Data = problem.JSON()
		m.Header.Set(micro.ErrorHeader, problem.Error())
		m.Header.Set(micro.ErrorCodeHeader, problem.Code())
	}
	return m
}
