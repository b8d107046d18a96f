package main

import (
	"time"

	"github.com/fetchmill/fetchmill/app"
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

// shares are the flags of commands that compute, about how much of the machine they take.
type shares struct {
	CPUShare     float64 `name:"cpu-share" default:"1" placeholder:"S" help:"Share of the CPUs to compute on, above 0 and up to 1; 0.75 leaves a quarter free. Of a container it is the share of its quota (default ${default})."`
	CrunchMemory size    `name:"crunch-memory" placeholder:"SIZE" help:"Memory that all items being computed may take together, e.g. 2GiB (default: half of what the process may use). Who finds none free waits."`
}

func (f shares) apply(to *app.Config) { to.CPUShare, to.Memory = f.CPUShare, int64(f.CrunchMemory) }

// manners are the flags of all commands that fetch.
type manners struct {
	HostConcurrency int     `default:"32" placeholder:"N" group:"hosts" help:"Requests that a public host gets at the same time at most, from all fetchers together; 0 is for no limit (default ${default})."`
	HostRate        float64 `default:"0" placeholder:"R" group:"hosts" help:"Requests per second that a public host gets at most, from all fetchers together; 0 is for no limit (default ${default}). Give all fetchers the same."`
}

func (f manners) apply(to *app.Config) {
	to.HostConcurrency, to.HostRate = f.HostConcurrency, f.HostRate
}
