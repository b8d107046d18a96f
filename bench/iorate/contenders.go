package iorate

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/netguard"
	"github.com/fetchmill/fetchmill/internal/sandbox"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/fetcher"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

const loopback = "127.0.0.1"

// The contenders' names.
const (
	nameBare     = "bare Go loop"
	namePipeline = "pipeline"
	nameAIO      = "Python aiohttp"
	nameThreads  = "Python requests, threads"
)

// contenders lists who takes part: first the bare loop, then the pipeline.
func contenders(cfg Config) []contender {
	list := []contender{
		{name: nameBare, start: startBare},
		{name: namePipeline, start: func(ctx context.Context, l level) (*running, error) { return startPipeline(ctx, cfg, l) }},
	}
	if cfg.Python != "" {
		for _, p := range []struct{ name, mode string }{{nameAIO, "aiohttp"}, {nameThreads, "requests"}} {
			list = append(list, contender{name: p.name, guest: true, start: func(ctx context.Context, l level) (*running, error) {
				return startPython(ctx, cfg.Python, p.mode, l)
			}})
		}
	}
	return list
}

func startBare(_ context.Context, l level) (*running, error) {
	allow, err := netguard.ParseAllow([]string{loopback})
	if err != nil {
		return nil, err
	}
	guard, err := netguard.New(allow, nil)
	if err != nil {
		return nil, err
	}
	network, err := fetcher.NewNetwork(fetcher.NetConfig{HTTP: useragent.Config{Guard: guard, Concurrency: l.concurrency}})
	if err != nil {
		return nil, err
	}
	return &running{
		pid: os.Getpid(), own: true,
		do:     func(ctx context.Context, n int) error { return bareLoop(ctx, network.Transport(), l, n) },
		finish: func() error { network.Close(); return nil },
	}, nil
}

// bareLoop is what one writes without a pipeline: so many goroutines that request one URL after another, keep nothing and retry
// nothing. It has the fetcher's own transport, and does with the answer what the recipe does.
func bareLoop(ctx context.Context, transport http.RoundTripper, l level, n int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	web := &http.Client{Transport: transport}
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range l.concurrency {
		wg.Go(func() {
			for taken.Add(1) <= int64(n) {
				if err := bareFetch(ctx, web, l.recipe, l.url); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func bareFetch(ctx context.Context, web *http.Client, recipe, url string) error {
	method := http.MethodHead
	if recipe == "page" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := web.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", resp.Status)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	_ = sha256.Sum256(body)
	return nil
}

// startPipeline starts all of fetchmill in this process: what it costs includes broker, database and submitting.
func startPipeline(ctx context.Context, cfg Config, l level) (*running, error) {
	s, err := sandbox.Start(ctx, sandbox.Options{Log: cfg.Log, Configure: func(c *app.Config) {
		c.AllowNet, c.Fetchers = []string{loopback}, l.concurrency
	}})
	if err != nil {
		return nil, err
	}
	c, err := s.Connect(ctx, "bench")
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	var batches int
	return &running{
		pid: os.Getpid(), own: true,
		do: func(ctx context.Context, n int) error {
			batches++
			return doBatch(ctx, c, strconv.Itoa(batches), l, n)
		},
		finish: s.Close,
	}, nil
}

// doBatch submits a batch and waits until its last result is in the database.
func doBatch(ctx context.Context, c *client.Client, batch string, l level, n int) error {
	if _, err := c.Submit(ctx, l.recipe, repeat(l.url, n), client.SubmitOptions{Batch: batch}); err != nil {
		return err
	}
	b, err := c.WaitBatch(ctx, batch, client.WaitOptions{})
	if err != nil {
		return err
	}
	if b.OK != int64(n) {
		counts, err := c.Counts(ctx, events.CountQuery{Batch: batch})
		return fmt.Errorf("%d of %d items ended ok: %+v (%w)", b.OK, n, counts, err)
	}
	return nil
}

// repeat yields the same URL n times.
func repeat(url string, n int) iter.Seq2[client.Item, error] {
	return func(yield func(client.Item, error) bool) {
		for range n {
			if !yield(client.Item{Text: url}, nil) {
				return
			}
		}
	}
}
