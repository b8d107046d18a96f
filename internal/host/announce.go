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
// answered by somebody else. Requests run side by side, at most 256 of them.
func Answer(log *slog.Logger, answer func(micro.Request) ([]byte, *events.Problem)) micro.Handler {
	free := make(chan struct{}, maxRequests)
	return micro.HandlerFunc(func(req micro.Request) {
		free <- struct{}{}
		go func() {
			defer func() { <-free }()
			data, problem := answer(req)
			var err error
			switch {
			case problem != nil:
				err = req.Error(problem.Code(), problem.Error(), problem.JSON())
			case data != nil:
				err = req.Respond(data)
			}
			if err != nil {
				log.Warn("a request could not be answered", "subject", req.Subject(), "error", err)
			}
		}()
	})
}
