package main

import (
	"time"

	"github.com/fetchmill/fetchmill/internal/stage"
)

// limits are the flags of all commands that do steps of items.
type limits struct {
	RetryFirst time.Duration `default:"1s" placeholder:"TIME" group:"retries" help:"How long an item rests after its first failed attempt; from then on twice as long each time (default ${default})."`
	RetryMost  time.Duration `default:"2m" placeholder:"TIME" group:"retries" help:"How long an item rests at most between two attempts, even if a site asks for more with Retry-After (default ${default})."`
	Deliveries int           `default:"20" placeholder:"N" group:"retries" help:"An item fails when it has been given to so many workers and none lived to finish it (default ${default})."`
}

func (f limits) apply(to *stage.Limits) {
	to.Backoff = stage.Backoff{First: f.RetryFirst, Most: f.RetryMost}
	to.Deliveries = f.Deliveries
}
