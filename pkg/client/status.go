package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Streams lists the pipeline's streams in the order in which an item passes them, and that of notices.
func Streams() []string {
	return []string{"WORK", "FETCH", "CRUNCH", "RESULTS", "DONE", "DEAD", "NOTICES"}
}

// Status is what is to be seen of the pipeline at the broker.
type Status struct {
	Broker    BrokerStatus     `json:"broker"`
	Streams   []StreamStatus   `json:"streams"`
	Missing   []string         `json:"missing,omitempty"` // streams that should be there and are not
	Consumers []ConsumerStatus `json:"consumers"`
	Services  []ServiceStatus  `json:"services"`
	Scaling   []StageScaling   `json:"scaling"`

	measured map[string]float64 // items per second that came into a stream while it was looked at
}

// BrokerStatus describes the server that the connection leads to.
type BrokerStatus struct {
	URL     string        `json:"url"` // without credentials
	Name    string        `json:"name"`
	Version string        `json:"version"`
	Cluster string        `json:"cluster,omitempty"`
	RTT     time.Duration `json:"rtt_ns"`
}

// StreamStatus tells what a stream holds.
type StreamStatus struct {
	Name     string `json:"name"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
	MaxBytes int64  `json:"max_bytes"` // -1 means no limit
	LastSeq  uint64 `json:"last_seq"`  // how many it has ever taken
}

// ConsumerStatus tells how far a stage's consumer is.
type ConsumerStatus struct {
	Stream      string `json:"stream"`
	Name        string `json:"name"`
	Pending     uint64 `json:"pending"`     // not delivered yet
	InProgress  int    `json:"in_progress"` // delivered and not acknowledged yet
	Redelivered int    `json:"redelivered"` // of those in progress, delivered more than once
	Waiting     int    `json:"waiting"`     // workers that ask for more
}

// ServiceStatus is one running instance that answers requests.
type ServiceStatus struct {
	Name     string    `json:"name"`
	ID       string    `json:"id"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	Requests int       `json:"requests"`
	// Load is how busy it is; nil if it does not tell.
	Load *events.Load `json:"load,omitempty"`
}

// Nobody knows how many instances there are: each has so long for its answer after the one before. For the first it may be longer, because
// that somebody is there the broker tells.
const (
	firstWait   = 5 * time.Second
	serviceWait = 300 * time.Millisecond
)

// Status looks at everything once.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, requestTimeout)
		defer cancel()
	}
	rtt, err := c.nc.RTT()
	if err != nil {
		return nil, fmt.Errorf("ask the broker: %w", err)
	}
	s := &Status{Broker: BrokerStatus{
		URL: c.nc.ConnectedUrlRedacted(), Name: c.nc.ConnectedServerName(), Version: c.nc.ConnectedServerVersion(),
		Cluster: c.nc.ConnectedClusterName(), RTT: rtt,
	}}
	began := time.Now()
	for _, name := range Streams() {
		err := c.streamStatus(ctx, name, s)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			s.Missing = append(s.Missing, name)
			continue
		}
		if err != nil {
			return nil, streamError("look at stream "+name, name, err)
		}
	}
	if s.Services, err = c.services(ctx); err != nil {
		return nil, fmt.Errorf("look for services: %w", err)
	}
	arrived, err := c.arrived(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("look again for what has come in: %w", err)
	}
	seconds := time.Since(began).Seconds()
	s.measured = make(map[string]float64, len(arrived))
	for stream, n := range arrived {
		s.measured[stream] = float64(n) / seconds
	}
	s.Scaling = s.Wanted(ScalingOptions{})
	return s, nil
}

func (c *Client) streamStatus(ctx context.Context, name string, s *Status) error {
	stream, err := c.js.Stream(ctx, name)
	if err != nil {
		return err
	}
	info := stream.CachedInfo()
	s.Streams = append(s.Streams, StreamStatus{
		Name: name, Messages: info.State.Msgs, Bytes: info.State.Bytes, MaxBytes: info.Config.MaxBytes, LastSeq: info.State.LastSeq,
	})
	list := stream.ListConsumers(ctx)
	for i := range list.Info() {
		if i.Config.Durable == "" {
			continue // somebody who follows, not a stage
		}
		s.Consumers = append(s.Consumers, ConsumerStatus{
			Stream: name, Name: i.Name, Pending: i.NumPending, InProgress: i.NumAckPending, Redelivered: i.NumRedelivered, Waiting: i.NumWaiting,
		})
	}
	return list.Err()
}

func (c *Client) services(ctx context.Context) ([]ServiceStatus, error) {
	subject, err := micro.ControlSubject(micro.StatsVerb, "", "")
	if err != nil {
		return nil, err
	}
	inbox := c.nc.NewInbox()
	replies, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer func() { _ = replies.Unsubscribe() }()
	if err := c.nc.PublishRequest(subject, inbox, nil); err != nil {
		return nil, err
	}
	var list []ServiceStatus
	for patience := firstWait; ; patience = serviceWait {
		m, err := next(ctx, replies, patience)
		switch {
		case errors.Is(err, nats.ErrNoResponders), errors.Is(err, context.DeadlineExceeded):
			sort.Slice(list, func(i, j int) bool {
				if list[i].Name != list[j].Name {
					return list[i].Name < list[j].Name
				}
				return list[i].ID < list[j].ID
			})
			return list, nil
		case err != nil:
			return nil, err
		}
		var st micro.Stats
		if json.Unmarshal(m.Data, &st) != nil {
			continue // not ours to judge
		}
		one := ServiceStatus{Name: st.Name, ID: st.ID, Version: st.Version, Started: st.Started}
		for _, e := range st.Endpoints {
			one.Requests += e.NumRequests
			one.Load = loadOf(e.Data)
		}
		list = append(list, one)
	}
}

// loadOf reads what a service adds to its statistics; nil if that is nothing, or something else.
func loadOf(data json.RawMessage) *events.Load {
	var l events.Load
	if len(data) == 0 || json.Unmarshal(data, &l) != nil || l.Limit < 1 {
		return nil
	}
	return &l
}
