package topology_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/internal/topology"
)

func actions(changes []topology.Change) map[string]topology.Action {
	m := map[string]topology.Action{}
	for _, c := range changes {
		m[c.Kind+" "+c.Name] = c.Action
	}
	return m
}

func TestProvision(t *testing.T) {
	t.Run("creates everything, and the second time changes nothing", func(t *testing.T) {
		js := brokertest.New(t).JetStream()
		layout := topology.For(topology.Default())

		first, err := topology.Provision(t.Context(), js, layout)
		require.NoError(t, err)
		second, err := topology.Provision(t.Context(), js, layout)
		require.NoError(t, err)

		require.Len(t, first, len(layout.Streams)+len(layout.Consumers)+len(layout.Buckets)+len(layout.Objects))
		for _, c := range first {
			require.Equal(t, topology.Created, c.Action, c.Name)
		}
		for _, c := range second {
			require.Equal(t, topology.Unchanged, c.Action, c.Name)
		}
	})

	t.Run("updates what differs and keeps what the layout does not speak of", func(t *testing.T) {
		js := brokertest.New(t).JetStream()
		cfg := topology.Default()
		_, err := topology.Provision(t.Context(), js, topology.For(cfg))
		require.NoError(t, err)
		operators, err := js.Stream(t.Context(), topology.StreamFetch)
		require.NoError(t, err)
		own := operators.CachedInfo().Config
		own.MaxMsgs = 123
		_, err = js.UpdateStream(t.Context(), own)
		require.NoError(t, err)

		cfg.MaxBytes, cfg.AckWait, cfg.DeadAge = 64<<20, 7*time.Second, 48*time.Hour
		cfg.BodiesAge = time.Hour
		changes, err := topology.Provision(t.Context(), js, topology.For(cfg))
		require.NoError(t, err)

		got := actions(changes)
		require.Equal(t, topology.Updated, got["stream FETCH"])
		require.Equal(t, topology.Updated, got["stream DEAD"])
		require.Equal(t, topology.Updated, got["consumer FETCH/low"])
		require.Equal(t, topology.Updated, got["bucket control"])
		require.Equal(t, topology.Updated, got["objects bodies"])
		fetch, err := js.Stream(t.Context(), topology.StreamFetch)
		require.NoError(t, err)
		require.EqualValues(t, 64<<20, fetch.CachedInfo().Config.MaxBytes)
		require.EqualValues(t, 123, fetch.CachedInfo().Config.MaxMsgs)
	})

	t.Run("can be done by several at the same time", func(t *testing.T) {
		broker := brokertest.New(t)
		errs := make(chan error, 5)
		for range 5 {
			js := broker.JetStream()
			go func() {
				_, err := topology.Provision(t.Context(), js, topology.For(topology.Default()))
				errs <- err
			}()
		}
		for range 5 {
			require.NoError(t, <-errs)
		}
	})

	t.Run("changes nothing for messages that wait", func(t *testing.T) {
		js := brokertest.New(t).JetStream()
		cfg := topology.Default()
		_, err := topology.Provision(t.Context(), js, topology.For(cfg))
		require.NoError(t, err)
		_, err = js.Publish(t.Context(), "work.x", []byte("x"))
		require.NoError(t, err)
		cfg.AckWait, cfg.DuplicateWindow = 5*time.Second, time.Minute
		_, err = topology.Provision(t.Context(), js, topology.For(cfg))
		require.NoError(t, err)
		c, err := js.Consumer(t.Context(), topology.StreamWork, topology.ConsumerIngest)
		require.NoError(t, err)
		require.EqualValues(t, 1, c.CachedInfo().NumPending)
	})

	t.Run("refuses what cannot be changed of a consumer", func(t *testing.T) {
		js := brokertest.New(t).JetStream()
		l := topology.For(topology.Default())
		_, err := js.CreateStream(t.Context(), l.Streams[0])
		require.NoError(t, err)
		_, err = js.CreateConsumer(t.Context(), topology.StreamWork, jetstream.ConsumerConfig{
			Durable: topology.ConsumerIngest, AckPolicy: jetstream.AckExplicitPolicy, MaxWaiting: 7,
		})
		require.NoError(t, err)
		_, err = topology.Provision(t.Context(), js, l)
		require.ErrorIs(t, err, topology.ErrImmutable)
		require.ErrorContains(t, err, "nats consumer rm WORK ingest")
	})

	t.Run("refuses what cannot be changed and names the remedy", func(t *testing.T) {
		js := brokertest.New(t).JetStream()
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
			Name: topology.StreamFetch, Subjects: []string{"fetch.>"}, Retention: jetstream.LimitsPolicy,
		})
		require.NoError(t, err)

		_, err = topology.Provision(t.Context(), js, topology.For(topology.Default()))

		require.ErrorIs(t, err, topology.ErrImmutable)
		require.ErrorContains(t, err, "stream FETCH")
		require.ErrorContains(t, err, "retention")
		require.ErrorContains(t, err, "nats stream rm FETCH")
	})
}

func TestConfig(t *testing.T) {
	t.Run("the default is valid", func(t *testing.T) {
		require.NoError(t, topology.Default().Validate())
	})
	t.Run("names all faults at once", func(t *testing.T) {
		err := topology.Config{Replicas: 2, MaxBytes: 1}.Validate()
		for _, fault := range []string{"replicas", "max bytes", "bodies bytes", "bodies age", "dead age", "ack wait", "persist"} {
			require.ErrorContains(t, err, fault)
		}
	})
	for name, change := range map[string]func(*topology.Config){
		"async persistence": func(c *topology.Config) { c.Persist = topology.PersistAsync },
		"the shortest times": func(c *topology.Config) {
			c.DoneAge, c.DuplicateWindow, c.DeadAge, c.AckWait = time.Second, time.Second, 2*time.Second, time.Second
		},
		"a long ack wait":              func(c *topology.Config) { c.AckWait = 24 * time.Hour },
		"a window longer than default": func(c *topology.Config) { c.DuplicateWindow = time.Hour },
		"little room":                  func(c *topology.Config) { c.MaxBytes, c.DoneBytes = 1<<20, 1<<20 },
	} {
		t.Run("what is valid can be provisioned: "+name, func(t *testing.T) {
			cfg := topology.Default()
			change(&cfg)
			require.NoError(t, cfg.Validate())
			js := brokertest.New(t).JetStream()
			_, err := topology.Provision(t.Context(), js, topology.For(cfg))
			require.NoError(t, err)
			again, err := topology.Provision(t.Context(), js, topology.For(cfg))
			require.NoError(t, err)
			for _, c := range again {
				require.Equal(t, topology.Unchanged, c.Action, c.Name)
			}
		})
	}
	for name, change := range map[string]func(*topology.Config){
		"done age": func(c *topology.Config) { c.DoneAge = 4 * time.Second },
		"dead age": func(c *topology.Config) { c.DeadAge = 30 * time.Second },
		"persist":  func(c *topology.Config) { c.Persist, c.Replicas = topology.PersistAsync, 3 },
	} {
		t.Run("what the broker would refuse is refused here: "+name, func(t *testing.T) {
			cfg := topology.Default()
			change(&cfg)
			require.ErrorContains(t, cfg.Validate(), name)
		})
	}
}
