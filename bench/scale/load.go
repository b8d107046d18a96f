package scale

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/bench/backlog"
	"github.com/fetchmill/fetchmill/bench/usage"
	"github.com/fetchmill/fetchmill/internal/sandbox"
	"github.com/fetchmill/fetchmill/internal/site"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	loopback = "127.0.0.1"
	// batch is the name of all that is submitted.
	batch = "scale"
	// look is how often the results are counted, to keep the backlog up.
	look = 50 * time.Millisecond
	// leastBacklog is how many items wait at least.
	leastBacklog = 200
)

// kind is a service and the items that are made for it.
type kind struct {
	service app.Service
	flags   []string
	recipe  string
	text    string
	backlog int // items for each process that wait at least
	site    *site.Process
}

func (c Config) fetching(server *site.Process) kind {
	return kind{
		service: app.Fetcher, flags: []string{"-c", strconv.Itoa(c.Concurrency), "--allow-net", loopback},
		recipe: "uptime", text: fmt.Sprintf("%s/delay?ms=%d", server.URL, c.Latency.Milliseconds()), site: server,
		backlog: c.Concurrency + int(float64(c.Concurrency)*time.Second.Seconds()/c.Latency.Seconds()), // a second of work, beside that in hand
	}
}

func (c Config) crunching() kind {
	return kind{service: app.Cruncher, flags: []string{"-c", "1"}, recipe: "increment", text: strconv.Itoa(c.Increments), backlog: leastBacklog}
}

// load is a pipeline whose only missing service runs in processes of its own, with always enough to do.
type load struct {
	cfg     Config
	kind    kind
	waiting int64 // items that are to wait at least
	sandbox *sandbox.Sandbox
	client  *client.Client
	backlog *backlog.Backlog
	workers []*worker
}

func startLoad(ctx context.Context, cfg Config, k kind, most int) (*load, error) {
	s, err := sandbox.Start(ctx, sandbox.Options{Log: cfg.Log, Configure: func(c *app.Config) {
		c.Services = slices.DeleteFunc(app.All(), func(s app.Service) bool { return s == k.service })
		c.Drain = time.Second // what is left of the backlog goes with the data folder
	}})
	if err != nil {
		return nil, err
	}
	c, err := s.Connect(ctx, "bench")
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	l := &load{
		cfg: cfg, kind: k, waiting: max(leastBacklog, int64(most*k.backlog)), sandbox: s, client: c,
		backlog: backlog.Start(ctx, c, backlog.Work{Recipe: k.recipe, Text: k.text, Batch: batch}),
	}
	if err := l.keep(ctx); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// start starts one more process.
func (l *load) start(ctx context.Context) (*worker, error) {
	args := slices.Concat(l.cfg.Command, []string{string(l.kind.service), "--nats", l.sandbox.NATSURL, "--http-addr", loopback + ":0"}, l.kind.flags)
	w, err := startWorker(ctx, args)
	if err == nil {
		l.workers = append(l.workers, w)
	}
	return w, err
}

// atWork waits until all processes have items, and keeps the backlog up meanwhile.
func (l *load) atWork(ctx context.Context) error {
	return l.during(ctx, func() error {
		for _, w := range l.workers {
			if _, err := w.hasItem(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// keep keeps the backlog up.
func (l *load) keep(ctx context.Context) error {
	done, err := l.backlog.Done(ctx)
	if err != nil {
		return err
	}
	l.backlog.Want(done + l.waiting)
	return nil
}

// wait keeps the backlog up for so long.
func (l *load) wait(ctx context.Context, d time.Duration) error {
	waiting, stop := context.WithTimeout(ctx, d)
	defer stop()
	return l.during(ctx, func() error {
		<-waiting.Done()
		return ctx.Err()
	})
}

// during keeps the backlog up while f runs.
func (l *load) during(ctx context.Context, f func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- f() }()
	again := time.NewTicker(look)
	defer again.Stop()
	var fault error
	for {
		select {
		case err := <-ended:
			return errors.Join(fault, err)
		case <-l.backlog.Ended():
			return errors.Join(fault, l.backlog.Err(), <-ended)
		case <-again.C:
			if fault == nil {
				fault = l.keep(ctx)
			}
		}
	}
}

// cpu is the time that everything has computed so far that runs for this.
func (l *load) cpu() time.Duration {
	sum := usage.CPU()
	if l.kind.site != nil {
		t, _ := usage.ReadCPU(l.kind.site.PID) // not known elsewhere than on Linux
		sum += t
	}
	for _, w := range l.workers {
		t, _ := usage.ReadCPU(w.cmd.Process.Pid) // likewise
		sum += t
	}
	return sum
}

// finish submits nothing more and waits until everything has ended.
func (l *load) finish(ctx context.Context) (*events.Batch, error) {
	if err := l.backlog.Stop(); err != nil {
		return nil, err
	}
	return l.client.WaitBatch(ctx, batch, client.WaitOptions{Patience: patience})
}

func (l *load) close() error {
	errs := []error{l.backlog.Stop()}
	stopped := make(chan error, len(l.workers))
	for _, w := range l.workers {
		go func() { stopped <- w.stop() }()
	}
	for range l.workers {
		errs = append(errs, <-stopped)
	}
	return errors.Join(append(errs, l.sandbox.Close())...)
}
