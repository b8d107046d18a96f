package app

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"time"

	"github.com/fetchmill/fetchmill/internal/broker"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/internal/wasm"
	"github.com/fetchmill/fetchmill/services/fetcher"
	"github.com/fetchmill/fetchmill/services/fetcher/files"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
	"github.com/fetchmill/fetchmill/services/sink"
)

// Service names a service.
type Service string

// The services.
const (
	Ingest   Service = "ingest"
	Fetcher  Service = "fetcher"
	Cruncher Service = "cruncher"
	Sink     Service = "sink"
)

// All lists the services in the order in which they start. They stop the other way round, so that what a stage still
// publishes is taken by the next one.
func All() []Service { return []Service{Sink, Cruncher, Fetcher, Ingest} }

// Config says what the process is: all services with a broker of their own, or some of them with a broker elsewhere.
type Config struct {
	Services []Service

	NATS   string        // URL of the broker; empty looks where the nats CLI would. Not used with Broker.
	As     host.Identity // as whom to connect to it. Not used with Broker.
	Broker *Broker       // embeds a broker and provisions it

	Dir      string // data folder, with Broker
	Database string // the sink's; empty is results.db in Dir
	HTTPAddr string // HOST:PORT of the HTTP API, health and metrics; port 0 picks a free one

	Access host.Access // who may use the HTTP API, but for health and metrics

	Closed      []string     // addresses, IP:PORT, that recipes never reach, beside those of this process
	AllowNet    []string     // networks that recipes may reach although they are not public
	Proxy       string       // URL of a proxy for all that recipes fetch: http://HOST:PORT or socks5://HOST:PORT; empty is none
	Credentials string       // file of the credentials that items may name; empty means none
	MaxBody     int64        // most bytes of a body that is fetched; 0 means 64 MiB
	Files       files.Config // folders that recipes may use
	Queries     string       // path of the catalogue of SQL queries; empty is none
	Programs    string       // path of the list of programs that recipes may run; empty is none
	Subjects    []string     // of the broker that recipes may send requests to, with the wildcards of NATS
	Buckets     []string     // object stores that recipes may read, beside that of bodies

	HostConcurrency int     // requests that a public host gets at the same time, from all fetchers together; 0 for no limit
	HostRate        float64 // starts per second, likewise

	Channels string                              // path of the file of channels on which people are told; empty is none
	Shout    func(ctx context.Context) *exec.Cmd `json:"-"` // makes a process that calls outlet.Shout; needed for channels of shoutrrr

	WASM wasm.Config // how programs of users are compiled and kept; Dir is a folder in the data folder with Broker, if empty

	Recipes []string // further recipes as YAML, beside the built-in ones; of those with the same name the last one counts

	Fetchers  int     // items that are fetched at the same time; 0 lets the fetcher find out how many are right
	Crunchers int     // items that are computed at the same time; 0 makes it of CPUShare
	CPUShare  float64 // of the processors to compute on, above 0 and up to 1
	Memory    int64   // bytes that all items being computed may take together; 0 is half of what the process may use
	Limits    stage.Limits
	Retention sink.RetentionConfig // which results are kept
	Append    string               // a folder in whose files the sink writes results, too; empty for none
	BatchIdle time.Duration        // an unfinished batch expires when nothing has come for so long
	Drain     time.Duration        // how long items under way may take to finish

	Now func() time.Time `json:"-"` // the clock of the sink, whose decisions follow the time of day; nil is time.Now

	Autoscale *Autoscale // lets the number of fetchers and crunchers follow what there is to do; nil for one of each
}

// Broker says how the embedded broker works.
type Broker struct {
	Addr     string      // HOST:PORT; port 0 picks a free one
	Sync     broker.Sync // when it flushes to the disk
	Topology topology.Config
}

// Default is what `fetchmill up` starts without any flags.
func Default() Config {
	return Config{
		Services: All(), Broker: &Broker{Addr: "127.0.0.1:4222", Topology: topology.Default()},
		Dir: "data", HTTPAddr: "127.0.0.1:8080",
		HostConcurrency: fetcher.DefaultHostConcurrency, CPUShare: 1,
		Limits: stage.DefaultLimits(), BatchIdle: sink.DefaultBatchIdle, Drain: 25 * time.Second,
	}
}

func (c Config) has(s Service) bool { return slices.Contains(c.Services, s) }

// validate joins all faults of the configuration.
func (c Config) validate() error {
	var errs []error
	if c.has(Fetcher) && c.Fetchers < 0 {
		errs = append(errs, fmt.Errorf("fetchers: %d is negative; 0 lets the fetcher find its own limit", c.Fetchers))
	}
	if c.has(Fetcher) && c.HostConcurrency < 0 {
		errs = append(errs, fmt.Errorf("host concurrency: %d is negative; 0 is for no limit", c.HostConcurrency))
	}
	if c.has(Fetcher) && (c.HostRate < 0 || math.IsNaN(c.HostRate) || math.IsInf(c.HostRate, 0)) {
		errs = append(errs, fmt.Errorf("host rate: %v is not a number of requests per second; 0 is for no limit", c.HostRate))
	}
	if c.has(Cruncher) && c.Crunchers < 0 {
		errs = append(errs, fmt.Errorf("crunchers: %d is negative; 0 is for as many as CPUs", c.Crunchers))
	}
	if c.has(Cruncher) && !(c.CPUShare > 0 && c.CPUShare <= 1) { // NaN is neither
		errs = append(errs, fmt.Errorf("--cpu-share: %v is not a share of the CPUs: use a number above 0 and up to 1, such as 0.75", c.CPUShare))
	}
	if c.has(Cruncher) && c.Crunchers > 0 && c.CPUShare != 1 {
		errs = append(errs, fmt.Errorf("--cpu-share %v and %d items at a time are both asked for: use one of --cpu-share and -c or --crunchers", c.CPUShare, c.Crunchers))
	}
	if c.has(Fetcher) || c.has(Cruncher) {
		errs = append(errs, c.Limits.Validate())
	}
	if c.has(Fetcher) && c.Proxy != "" {
		if _, err := useragent.ParseProxy(c.Proxy); err != nil {
			errs = append(errs, fmt.Errorf("--proxy: %w", err))
		}
	}
	if c.Drain <= 0 {
		errs = append(errs, fmt.Errorf("drain time: %s is not positive", c.Drain))
	}
	if c.Broker != nil {
		errs = append(errs, c.Broker.Topology.Validate())
	}
	errs = append(errs, c.validateAutoscale())
	return errors.Join(errs...)
}
