package natsjs_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/natsjs"
)

func TestOddMessages(t *testing.T) {
	for _, row := range []struct {
		name  string
		msg   nats.Msg
		check func(t *testing.T, uuid string, metadata map[string]string)
	}{
		{
			"a repeated header",
			nats.Msg{Header: nats.Header{"H": {"first", "second"}}, Data: []byte("x")},
			func(t *testing.T, _ string, md map[string]string) { require.Equal(t, "first", md["H"]) },
		},
		{
			"a repeated UUID",
			nats.Msg{Header: nats.Header{"_watermill_message_uuid": {"u1", "u2"}}},
			func(t *testing.T, uuid string, _ map[string]string) { require.Equal(t, "u1", uuid) },
		},
		{
			"an empty body",
			nats.Msg{Header: nats.Header{"_watermill_message_uuid": {"u1"}}},
			func(t *testing.T, uuid string, md map[string]string) {
				require.Equal(t, "u1", uuid)
				require.Empty(t, md)
			},
		},
		{
			"a message id and no UUID",
			nats.Msg{Header: nats.Header{"Nats-Msg-Id": {"m1"}}, Data: []byte("x")},
			func(t *testing.T, uuid string, _ map[string]string) { require.Equal(t, "m1", uuid) },
		},
		{
			"no headers at all",
			nats.Msg{Data: []byte("x")},
			func(t *testing.T, uuid string, md map[string]string) {
				require.Equal(t, "Q:1", uuid)
				require.Empty(t, md)
			},
		},
		{
			"neither headers nor body",
			nats.Msg{},
			func(t *testing.T, uuid string, _ map[string]string) { require.Equal(t, "Q:1", uuid) },
		},
		{
			"data that is not UTF-8",
			nats.Msg{Header: nats.Header{"H": {"\xff\xfe"}}, Data: []byte("\x00\xff\r\n\xfe")},
			func(t *testing.T, _ string, md map[string]string) { require.Equal(t, "\xff\xfe", md["H"]) },
		},
		{
			"an empty header value",
			nats.Msg{Header: nats.Header{"H": {""}}},
			func(t *testing.T, _ string, md map[string]string) { require.Contains(t, md, "H") },
		},
		{
			"headers that look like the broker's",
			nats.Msg{Header: nats.Header{"Status": {"409"}, "Nats-Pending-Messages": {"-9"}}},
			func(t *testing.T, _ string, md map[string]string) { require.Equal(t, "409", md["Status"]) },
		},
	} {
		t.Run(row.name+" is delivered once, and the next message too", func(t *testing.T) {
			q := newQueue(t, time.Hour)
			row.msg.Subject = "q.odd"
			_, err := q.js.PublishMsg(t.Context(), &row.msg)
			require.NoError(t, err)
			_, out := q.subscribe(natsjs.SubscriberConfig{})

			m := next(t, out)
			row.check(t, m.UUID, m.Metadata)
			require.Equal(t, string(row.msg.Data), string(m.Payload))
			require.Equal(t, 1, delivery(t, m).Attempt)
			m.Ack()
			q.eventuallyEmpty()

			q.publish("q.next", 1)
			m = next(t, out)
			require.Equal(t, "q.next", delivery(t, m).Subject)
			m.Ack()
			q.eventuallyEmpty()
		})
	}
}
