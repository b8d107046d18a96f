package host

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestAnswer(t *testing.T) {
	s := startBroker(t, nil)
	nc, err := nats.Connect(s.ClientURL(), nats.Timeout(patience))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	service, err := Announce(nc, "test", "answers", nil, nil)
	require.NoError(t, err)
	heard := make(chan string, 1)
	answer := Answer(nc, slog.New(slog.DiscardHandler), func(req micro.Request) ([]byte, *events.Problem) {
		if string(req.Data()) == "no" {
			return nil, &events.Problem{Status: 404, Title: "not here"}
		}
		heard <- req.Reply()
		return []byte("yes"), nil
	})
	require.NoError(t, service.AddEndpoint("ask", answer, micro.WithEndpointSubject("ask")))

	t.Run("answers where the answer is awaited", func(t *testing.T) {
		m, err := nc.Request("ask", nil, time.Minute)
		require.NoError(t, err)
		require.Equal(t, "yes", string(m.Data))
		<-heard
	})
	t.Run("answers a problem as an error of micro", func(t *testing.T) {
		replies, err := nc.SubscribeSync(nc.NewInbox())
		require.NoError(t, err)
		const many = 2000 // which lets the race detector see what an answer and the end of its handler both touch
		for range many {
			require.NoError(t, nc.PublishRequest("ask", replies.Subject, []byte("no")))
		}
		for range many {
			m, err := replies.NextMsg(time.Minute)
			require.NoError(t, err)
			require.Equal(t, "404", m.Header.Get(micro.ErrorCodeHeader))
			require.Equal(t, "not here", m.Header.Get(micro.ErrorHeader))
			var p events.Problem
			require.NoError(t, json.Unmarshal(m.Data, &p))
			require.Equal(t, 404, p.Status)
		}
	})
	t.Run("answers nowhere where only services may write", func(t *testing.T) {
		seen, err := nc.SubscribeSync("result.>")
		require.NoError(t, err)
		require.NoError(t, nc.PublishRequest("ask", "result.page", nil))
		require.NoError(t, nc.PublishRequest("ask", "elsewhere", nil)) // which is handled after it
		require.Equal(t, "elsewhere", <-heard)
		require.NoError(t, nc.Flush())
		pending, _, err := seen.Pending()
		require.NoError(t, err)
		require.Zero(t, pending)
	})
}
