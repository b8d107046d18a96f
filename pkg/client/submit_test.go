package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/standin"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func numbered(n int) iter.Seq2[client.Item, error] {
	return func(yield func(client.Item, error) bool) {
		for i := range n {
			if !yield(client.Item{Text: fmt.Sprintf("item %d", i)}, nil) {
				return
			}
		}
	}
}

// work reads what is in the stream WORK.
func work(t *testing.T, b *standin.Broker) []*jetstream.RawStreamMsg {
	t.Helper()
	s, err := b.JS.Stream(t.Context(), "WORK")
	require.NoError(t, err)
	var all []*jetstream.RawStreamMsg
	for seq := s.CachedInfo().State.FirstSeq; seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		require.NoError(t, err)
		all = append(all, m)
	}
	return all
}

func TestSubmit(t *testing.T) {
	t.Run("sends items with the headers of their batch", func(t *testing.T) {
		b := standin.StartBroker(t)
		b.MakeStreams(t, -1)
		asked := make(chan string, 2)
		for _, s := range []string{events.SubjectBatchOpen, events.SubjectBatchClose} {
			_, err := b.NC.Subscribe(s, func(m *nats.Msg) {
				asked <- m.Subject + " " + string(m.Data)
				_ = m.Respond([]byte("{}"))
			})
			require.NoError(t, err)
		}
		deadline := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
		items := client.Items(
			client.Item{Text: "http://a"}, client.Item{Params: json.RawMessage(`{"url":"http://b"}`)},
			client.Item{Text: ` "quoted`}, client.Item{Text: "[1]"}, client.Item{},
		)
		sub, err := connect(t, b).Submit(t.Context(), "page", items, client.SubmitOptions{Batch: "b1", Lane: events.LaneLow, Deadline: deadline})
		require.NoError(t, err)
		require.Equal(t, client.Submission{Batch: "b1", Accepted: 5}, sub)
		require.Equal(t, `batch.open {"batch":"b1","recipe":"page","total":0}`, <-asked)
		require.Equal(t, `batch.close {"batch":"b1","total":5}`, <-asked)

		texts := make([]string, 0, 5)
		for i, m := range work(t, b) {
			require.Equal(t, "work.page", m.Subject)
			in, err := events.ParseInput(m.Header, m.Data, time.Now())
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("b1/%d", i), in.Key)
			require.Equal(t, "b1", in.Batch)
			require.EqualValues(t, i, in.Index)
			require.Equal(t, events.LaneLow, in.Lane)
			require.Equal(t, deadline, in.Deadline)
			texts = append(texts, in.Text+string(in.Params))
		}
		require.Equal(t, []string{"http://a", `{"url":"http://b"}`, ` "quoted`, "[1]", ""}, texts)
	})

	t.Run("again under the same batch doubles nothing", func(t *testing.T) {
		c, b := start(t)
		var sub client.Submission
		for range 2 {
			var err error
			sub, err = c.Submit(t.Context(), "page", numbered(300), client.SubmitOptions{Batch: "twice"})
			require.NoError(t, err)
			require.EqualValues(t, 300, sub.Accepted)
		}
		require.EqualValues(t, 300, sub.Duplicates)
		s, err := b.JS.Stream(t.Context(), "WORK")
		require.NoError(t, err)
		require.EqualValues(t, 300, s.CachedInfo().State.LastSeq, "messages that it has ever had")
		done, err := c.WaitBatch(t.Context(), "twice", client.WaitOptions{})
		require.NoError(t, err)
		require.EqualValues(t, 300, done.OK)
	})

	t.Run("slows down while the stream is full, and loses nothing", func(t *testing.T) {
		b := standin.StartBroker(t)
		b.MakeStreams(t, 50)
		c := connect(t, b)
		refused, began := make(chan struct{}), false
		go func() { // the pipeline comes only when the stream has refused something
			<-refused
			standin.StartPipeline(t, b)
		}()
		_, err := b.NC.Subscribe("batch.*", func(m *nats.Msg) { _ = m.Respond([]byte("{}")) })
		require.NoError(t, err)
		sub, err := c.Submit(t.Context(), "page", numbered(2000), client.SubmitOptions{OnProgress: func(s client.Submission) {
			if s.Refused > 0 && !began {
				began = true
				close(refused)
			}
		}})
		require.NoError(t, err)
		require.EqualValues(t, 2000, sub.Accepted)
		require.Positive(t, sub.Refused)
		require.Eventually(t, func() bool {
			counts, err := c.Counts(t.Context(), events.CountQuery{})
			return err == nil && len(counts) == 1 && counts[0].Count == 2000
		}, time.Minute, 10*time.Millisecond)
	})

	t.Run("opens and closes the batch when there is room for that", func(t *testing.T) {
		b := standin.StartBroker(t)
		b.MakeStreams(t, -1)
		svc, err := micro.AddService(b.NC, micro.Config{Name: "full", Version: "1.0.0"})
		require.NoError(t, err)
		for _, subject := range []string{events.SubjectBatchOpen, events.SubjectBatchClose} {
			asked := 0
			require.NoError(t, svc.AddEndpoint(strings.ReplaceAll(subject, ".", "-"), micro.HandlerFunc(func(r micro.Request) {
				if asked++; asked == 1 {
					full := events.Problem{Title: "Service Unavailable", Status: 503, Detail: "the stream is full"}
					_ = r.Error(full.Code(), full.Title, full.JSON())
					return
				}
				_ = r.RespondJSON(struct{}{})
			}), micro.WithEndpointSubject(subject)))
		}
		sub, err := connect(t, b).Submit(t.Context(), "page", numbered(3), client.SubmitOptions{Batch: "b1"})
		require.NoError(t, err)
		require.Equal(t, client.Submission{Batch: "b1", Accepted: 3, Refused: 2}, sub)
	})

	t.Run("goes on when the broker restarts, and doubles nothing", func(t *testing.T) {
		b := standin.StartBroker(t)
		b.MakeStreams(t, -1)
		const total = 3000
		half, restarted := make(chan struct{}), make(chan struct{})
		items := func(yield func(client.Item, error) bool) {
			n := 0
			for it, err := range numbered(total) {
				switch n++; n {
				case total / 2:
					close(half)
				case total:
					<-restarted
				}
				if !yield(it, err) {
					return
				}
			}
		}
		c := connect(t, b)
		type outcome struct {
			sub client.Submission
			err error
		}
		ended := make(chan outcome, 1)
		go func() {
			sub, err := c.Submit(t.Context(), "page", items, client.SubmitOptions{InFlight: 100})
			ended <- outcome{sub, err}
		}()
		<-half
		b.Restart(t)
		close(restarted)
		got := <-ended
		require.NoError(t, got.err)
		require.EqualValues(t, total, got.sub.Accepted)
		s, err := b.JS.Stream(t.Context(), "WORK")
		require.NoError(t, err)
		require.EqualValues(t, total, s.CachedInfo().State.Msgs)
	})

	t.Run("says which item is wrong", func(t *testing.T) {
		c, _ := start(t)
		bad := errors.New("line 3 is torn")
		sub, err := c.Submit(t.Context(), "page", func(yield func(client.Item, error) bool) {
			_ = yield(client.Item{Text: "a"}, nil) && yield(client.Item{}, bad)
		}, client.SubmitOptions{})
		require.EqualValues(t, 1, sub.Accepted)
		require.ErrorIs(t, err, bad)
		require.ErrorContains(t, err, "item 1")

		_, err = c.Submit(t.Context(), "page", client.Texts(strings.Repeat("x", 2<<20)), client.SubmitOptions{})
		require.ErrorIs(t, err, nats.ErrMaxPayload)
		_, err = c.Submit(t.Context(), "page", client.Texts("a"), client.SubmitOptions{Params: map[string]any{"k": 1}})
		require.ErrorIs(t, err, client.ErrItem)
		_, err = c.Submit(t.Context(), "page", client.Items(client.Item{Params: json.RawMessage("[]")}), client.SubmitOptions{})
		require.ErrorIs(t, err, client.ErrItem)
	})

	t.Run("refuses names that cannot stand in a subject", func(t *testing.T) {
		c, _ := start(t)
		_, err := c.Submit(t.Context(), "a.b", client.Texts("x"), client.SubmitOptions{})
		require.ErrorIs(t, err, events.ErrName)
		_, err = c.Submit(t.Context(), "page", client.Texts("x"), client.SubmitOptions{Batch: "a b"})
		require.ErrorIs(t, err, events.ErrName)
		_, err = c.Submit(t.Context(), "page", client.Texts("x"), client.SubmitOptions{Lane: "fast"})
		require.ErrorContains(t, err, "unknown lane")
	})

	t.Run("says so when there are no streams or no services", func(t *testing.T) {
		c := connect(t, standin.StartBroker(t))
		_, err := c.Submit(t.Context(), "page", client.Texts("x"), client.SubmitOptions{})
		require.ErrorIs(t, err, client.ErrNoStream)
		require.ErrorContains(t, err, "fetchmill setup")
		_, err = c.Submit(t.Context(), "page", client.Texts("x"), client.SubmitOptions{Batch: "b"})
		require.ErrorIs(t, err, client.ErrNoService)
	})

	t.Run("ends with its context although the sequence is blocked", func(t *testing.T) {
		c, _ := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		unblock := make(chan struct{})
		defer close(unblock)
		_, err := c.Submit(ctx, "page", func(yield func(client.Item, error) bool) {
			yield(client.Item{Text: "a"}, nil)
			cancel()
			<-unblock
		}, client.SubmitOptions{})
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestItemWith(t *testing.T) {
	it, err := client.Item{Params: json.RawMessage(`{"url":"u","n":1}`)}.With(map[string]any{"n": 2, "deep": true})
	require.NoError(t, err)
	require.JSONEq(t, `{"url":"u","n":1,"deep":true}`, string(it.Params), "what the item says itself counts")

	it, err = client.Item{}.With(map[string]any{"n": 2})
	require.NoError(t, err)
	require.JSONEq(t, `{"n":2}`, string(it.Params))
}
