package iorate

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/netguard"
	"github.com/fetchmill/fetchmill/internal/sandbox"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const loopback = "127.0.0.1"

func loopbackGuard() (*netguard.Guard, error) {
	allow, err := netguard.ParseAllow([]string{loopback})
	if err != nil {
		return nil, err
	}
	return netguard.New(allow, nil)
}

// bareLoop is what one writes without a pipeline: so many goroutines that request one URL after another, keep nothing and retry
// nothing. It has the fetcher's own transport, and does with the answer what the recipe does.
func bareLoop(ctx context.Context, transport http.RoundTripper, cfg Config, url string, n int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	web := &http.Client{Transport: transport}
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range cfg.Concurrency {
		wg.Go(func() {
			for taken.Add(1) <= int64(n) {
				if err := bareFetch(ctx, web, cfg.Recipe, url); err != nil {
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

// pipeline is all of fetchmill in this process: what it costs includes broker, database and submitting.
type pipeline struct {
	*sandbox.Sandbox
	client *client.Client
	recipe string
	url    string
	batch  int
}

func startPipeline(ctx context.Context, cfg Config, url string) (*pipeline, error) {
	s, err := sandbox.Start(ctx, sandbox.Options{Log: cfg.Log, Configure: func(c *app.Config) {
		c.AllowNet, c.Fetchers = []string{loopback}, cfg.Concurrency
	}})
	if err != nil {
		return nil, err
	}
	c, err := s.Connect(ctx, "bench")
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return &pipeline{Sandbox: s, client: c, recipe: cfg.Recipe, url: url}, nil
}

// do submits a batch and waits until its last result is in the database.
func (p *pipeline) do(ctx context.Context, n int) error {
	p.batch++
	batch := strconv.Itoa(p.batch)
	if _, err := p.client.Submit(ctx, p.recipe, repeat(p.url, n), client.SubmitOptions{Batch: batch}); err != nil {
		return err
	}
	b, err := p.client.WaitBatch(ctx, batch, client.WaitOptions{})
	if err != nil {
		return err
	}
	if b.OK != int64(n) {
		counts, err := p.client.Counts(ctx, events.CountQuery{Batch: batch})
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
