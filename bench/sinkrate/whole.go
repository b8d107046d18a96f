package sinkrate

import (
	"context"
	"errors"
	"os"
	"runtime/pprof"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/bench/usage"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// pollInterval is how often the sink is asked how many rows it has; the time is wrong by no more than it.
const pollInterval = 10 * time.Millisecond

// throughSink puts the rows into the stream RESULTS of a broker in this process, and then starts a sink. The time counts from there to the
// last row: reading, decoding, committing and announcing.
func throughSink(ctx context.Context, url string, cfg Config) (took spent, err error) {
	dir, err := os.MkdirTemp("", "fetchmill-bench")
	if err != nil {
		return took, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c := app.Default()
	c.Services, c.Dir, c.Database, c.HTTPAddr, c.Broker.Addr = []app.Service{app.Sink}, dir, url, "127.0.0.1:0", "127.0.0.1:0"
	a, err := app.New(ctx, c, cfg.Log)
	if err != nil {
		return took, err
	}
	nc, err := nats.Connect(a.NATSURL())
	if err != nil {
		return took, errors.Join(err, a.Close())
	}
	defer nc.Close()
	pprof.Do(ctx, pprof.Labels(label, "preparation"), func(ctx context.Context) { err = publish(ctx, nc, cfg) })
	if err != nil {
		return took, errors.Join(err, a.Close())
	}
	reader, err := client.New(nc)
	if err != nil {
		return took, errors.Join(err, a.Close())
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	start, cpu := time.Now(), usage.CPU()
	go func() { ended <- a.Run(running, ctx) }()
	err = waitForRows(ctx, reader, int64(cfg.Rows))
	took.since(start, cpu)
	stop()
	return took, errors.Join(err, <-ended)
}

func publish(ctx context.Context, nc *nats.Conn, cfg Config) error {
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(1000))
	if err != nil {
		return err
	}
	for n := range cfg.Rows {
		r := result(n, cfg)
		data, err := r.Encode()
		if err != nil {
			return err
		}
		msg := nats.NewMsg(events.ResultSubject(r.Recipe))
		msg.Data = data
		for name, value := range events.Headers(events.MsgID(r.ID, events.StageSink), events.TypeResult, events.StageCrunch) {
			msg.Header[name] = []string{value}
		}
		if _, err := js.PublishMsgAsync(msg, jetstream.WithStallWait(time.Minute)); err != nil {
			return err
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func waitForRows(ctx context.Context, c *client.Client, n int64) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		counts, err := c.Counts(ctx, events.CountQuery{})
		if err != nil && !errors.Is(err, client.ErrNoService) {
			return err
		}
		var rows int64
		for _, k := range counts {
			rows += k.Count
		}
		if rows == n {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
