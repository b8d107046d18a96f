package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

type healthCmd struct {
	URL     string        `arg:"" optional:"" default:"http://127.0.0.1:8080/readyz" help:"What to ask (default ${default})."`
	Timeout time.Duration `default:"5s" placeholder:"TIME" help:"How long the answer may take (default ${default})."`
}

func (*healthCmd) Help() string {
	return `Exit status 0 if the answer is 200, otherwise 1, with what was answered.

Examples:

    fetchmill health
    fetchmill health http://127.0.0.1:8081/healthz
`
}

func (cmd *healthCmd) Run(ctx context.Context) error {
	const most = 4 << 10 // of the answer, in bytes
	ctx, cancel := context.WithTimeout(ctx, cmd.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, cmd.URL, http.NoBody)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(res.Body, most)) // whatever came of it
		return fmt.Errorf("health: %s: %s", res.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
