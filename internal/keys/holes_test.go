package keys_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/keys"
	"github.com/fetchmill/fetchmill/internal/topology"
)

// TestRollup is about a way round the rights on keys that the layout closes: one message with a header would empty the bucket.
func TestRollup(t *testing.T) {
	g := newGuarded(t, keys.Options{})
	ingest := g.jetStream(t, "ingest")
	control, err := ingest.KeyValue(t.Context(), topology.BucketControl)
	require.NoError(t, err)
	_, err = control.Put(t.Context(), topology.CancelKey("b"), nil)
	require.NoError(t, err)

	m := nats.NewMsg("$KV.control.trial.fetch.x")
	m.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupAll)
	_, err = g.jetStream(t, "fetcher").PublishMsg(t.Context(), m)
	require.ErrorContains(t, err, "rollup")

	stream, err := g.jetStream(t, "setup").Stream(t.Context(), "KV_control")
	require.NoError(t, err)
	require.EqualValues(t, 1, stream.CachedInfo().State.Msgs)
}

// TestReplies_are_not_checked_by_the_broker is about a way round the rights that stays open, and that docs/security.md tells of: whoever
// may ask the broker for a message names the subject that it is sent to, and the broker stores it there if that is a stream's. When
// this test fails the broker has closed it, and the page can say so.
func TestReplies_are_not_checked_by_the_broker(t *testing.T) {
	g := newGuarded(t, keys.Options{})
	fetcher := g.jetStream(t, "fetcher")
	_, err := fetcher.Publish(t.Context(), "fetch.high.http.get", []byte("made by a fetcher that was taken over"))
	require.NoError(t, err)
	require.NoError(t, fetcher.Conn().PublishRequest("$JS.API.CONSUMER.MSG.NEXT.FETCH.high", "done.page", []byte(`{"batch":1}`)))

	setup := g.jetStream(t, "setup")
	require.Eventually(t, func() bool {
		done, err := setup.Stream(t.Context(), topology.StreamDone)
		return err == nil && done.CachedInfo().State.Msgs == 1
	}, time.Minute, 10*time.Millisecond)
}

func (g guarded) jetStream(t *testing.T, user string) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(g.as(t, user).nc, jetstream.WithDefaultTimeout(patience))
	require.NoError(t, err)
	return js
}
