package broker_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker"
)

// benchFlight is how many messages are on their way together.
const benchFlight = 500

// BenchmarkPublish measures messages with ids into a work queue, published one by one without waiting, or as atomic batches
// (docs/adr/0019-power-loss.md tells what came of it), on a broker that flushes now and then or always.
func BenchmarkPublish(b *testing.B) {
	for name, sync := range map[string]broker.Sync{"flushed now and then": {}, "flushed always": {Always: true}} {
		server, err := start(broker.Config{Addr: "127.0.0.1:0", Dir: b.TempDir(), Sync: sync})
		require.NoError(b, err)
		b.Cleanup(server.Stop)
		nc, err := nats.Connect(server.URL())
		require.NoError(b, err)
		b.Cleanup(nc.Close)
		js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(2*benchFlight))
		require.NoError(b, err)
		for _, batches := range []bool{false, true} {
			stream := fmt.Sprint("S", batches)
			_, err = js.CreateStream(b.Context(), jetstream.StreamConfig{
				Name: stream, Subjects: []string{stream + ".>"}, Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, MaxBytes: 8 << 30,
				Duplicates: 5 * time.Second, AllowAtomicPublish: batches,
			})
			require.NoError(b, err)
			publish := publishSingly
			if batches {
				publish = publishBatch
			}
			b.Run(fmt.Sprintf("%s/batches=%t", name, batches), func(b *testing.B) {
				n := 0
				for b.Loop() {
					publish(b, nc, js, stream, n)
					n += benchFlight
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
			})
		}
	}
}

func benchMessage(stream string, i int) *nats.Msg {
	m := nats.NewMsg(stream + ".x")
	m.Header.Set(nats.MsgIdHdr, stream+strconv.Itoa(i))
	m.Data = make([]byte, 256)
	return m
}

func publishSingly(b *testing.B, _ *nats.Conn, js jetstream.JetStream, stream string, from int) {
	b.Helper()
	for i := range benchFlight {
		_, err := js.PublishMsgAsync(benchMessage(stream, from+i))
		require.NoError(b, err)
	}
	<-js.PublishAsyncComplete()
}

func publishBatch(b *testing.B, nc *nats.Conn, _ jetstream.JetStream, stream string, from int) {
	b.Helper()
	for i := range benchFlight {
		m := benchMessage(stream, from+i)
		m.Header.Set("Nats-Batch-Id", strconv.Itoa(from))
		m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
		if i < benchFlight-1 {
			require.NoError(b, nc.PublishMsg(m))
			continue
		}
		m.Header.Set("Nats-Batch-Commit", "1")
		answer, err := nc.RequestMsg(m, time.Minute)
		require.NoError(b, err)
		require.Contains(b, string(answer.Data), `"count":500`)
	}
}
