// Command uptime shows fetchmill watching 37 pages of a local site: how long it takes to look at all of them once, compared with a loop,
// and then who is told what. All of it runs in this process, and nothing is left behind.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/sandbox"
	"github.com/fetchmill/fetchmill/internal/site"
	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

//go:embed targets.yaml
var targets []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, 25*time.Second)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "uptime:", err)
		os.Exit(1)
	}
}

// run shows everything, and watches for a while.
func run(ctx context.Context, out io.Writer, length time.Duration) (err error) {
	s, err := site.Start(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	log := slog.New(slog.DiscardHandler)
	mill, err := sandbox.Start(ctx, sandbox.Options{Log: log, Configure: func(c *app.Config) { c.AllowNet = []string{"127.0.0.0/8"} }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mill.Close()) }()
	c, err := mill.Connect(ctx, "example")
	if err != nil {
		return err
	}
	document := bytes.ReplaceAll(targets, []byte("SITE"), []byte(s.URL))
	d, err := uptime.Parse(document, nil)
	if err != nil {
		return err
	}
	if err := onePass(ctx, out, c, d.Targets); err != nil {
		return err
	}
	nc, err := host.Connect(ctx, host.ConnectConfig{URL: mill.NATSURL, Name: "example", Log: log})
	if err != nil {
		return err
	}
	defer nc.Close()
	return watch(ctx, out, c, nc, document, length)
}

// onePass looks at all shops once, in a loop and with fetchmill.
func onePass(ctx context.Context, out io.Writer, c *client.Client, list []events.Target) error {
	var urls []string
	for i := range list {
		if list[i].Group == "shops" {
			urls = append(urls, list[i].URL())
		}
	}
	web := &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second}
	defer web.CloseIdleConnections()
	start := time.Now()
	for _, url := range urls {
		req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, http.NoBody)
		if err != nil {
			return err
		}
		resp, err := web.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
	}
	fmt.Fprintf(out, "%d pages once, one after the other: %.1f s\n", len(urls), time.Since(start).Seconds())
	start = time.Now()
	sub, err := c.Submit(ctx, "uptime", client.Texts(urls...), client.SubmitOptions{Batch: "once"})
	if err != nil {
		return err
	}
	if _, err := c.WaitBatch(ctx, sub.Batch, client.WaitOptions{}); err != nil {
		return err
	}
	fmt.Fprintf(out, "the same with fetchmill: %.1f s\n\n", time.Since(start).Seconds())
	return nil
}

// watch applies the targets, and prints what owners are to be told until the time is over.
func watch(ctx context.Context, out io.Writer, c *client.Client, nc *nats.Conn, document []byte, length time.Duration) error {
	told := make(chan *nats.Msg, 100)
	sub, err := nc.ChanSubscribe(events.PrefixNotice+">", told)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection ends, too
	applied, err := c.ApplyTargets(ctx, document, client.ApplyOptions{Prune: true})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d targets are watched for %s. Their owner is told:\n", applied.Added, length)
	end := time.NewTimer(length)
	defer end.Stop()
	for {
		select {
		case m := <-told:
			n, err := events.DecodeNotice(m.Data)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "  %s  %-10s %-8s %s\n", n.At.Format(time.TimeOnly), n.What, n.Kind, n.Cause)
		case <-end.C:
			fmt.Fprintln(out)
			return cli.NewWriter(out, cli.Table, cli.TargetColumns()).All(c.Targets(ctx, events.TargetQuery{}), 0)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
