package fetcher

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// onBroker makes a Network with a connection to a broker, whose items may send requests to the subjects.
func onBroker(t *testing.T, b *brokertest.Broker, subjects ...string) *Network {
	t.Helper()
	return network(t, func(c *NetConfig) { c.Broker.Conn, c.Broker.Subjects = b.Connect(), subjects })
}

// responder answers all requests for a subject until the test ends.
func responder(t *testing.T, b *brokertest.Broker, subject string, answer func(*nats.Msg)) {
	t.Helper()
	nc := b.Connect()
	_, err := nc.Subscribe(subject, answer)
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
}

func echo(m *nats.Msg) { _ = m.RespondMsg(&nats.Msg{Data: m.Data, Header: m.Header}) }

func TestRequest_yields_the_reply(t *testing.T) {
	b := brokertest.New(t)
	responder(t, b, "svc.echo", echo)
	responder(t, b, "svc.header", func(m *nats.Msg) { _ = m.Respond(ops.JSON(m.Header)) })
	n := onBroker(t, b, "svc.*")
	for _, c := range []struct {
		name        string
		a           args
		body, value string
	}{
		{"JSON is the value as it is", args{"json": args{"a": []int{1}}}, `{"a":[1]}`, `{"a":[1]}`},
		{"without white space", args{"data": " { \"a\" :\n1 } "}, " { \"a\" :\n1 } ", `{"a":1}`},
		{"text is a string", args{"data": "12:00 <b>"}, "12:00 <b>", `"12:00 \u003cb\u003e"`},
		{"nothing is an empty string", args{}, "", `""`},
		{"null is something", args{"json": nil}, "null", "null"},
		{"JSON that nobody could read on is text", args{"data": strings.Repeat("[", 5000) + strings.Repeat("]", 5000)}, strings.Repeat("[", 5000) + strings.Repeat("]", 5000), `"` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.a["subject"] = "svc.echo"
			out, err := run(t.Context(), t, n, "nats.request", c.a)
			require.NoError(t, err)
			require.Equal(t, c.body, string(out.Body))
			require.Equal(t, c.value, string(out.Value))
			require.EqualValues(t, len(c.body), out.Fetch.Bytes)
			require.Positive(t, out.Fetch.ElapsedMS)
		})
	}
	t.Run("what is not text is for the next step only", func(t *testing.T) {
		responder(t, b, "svc.binary", func(m *nats.Msg) { _ = m.Respond([]byte{0xff, 0xfe}) })
		out, err := run(t.Context(), t, n, "nats.request", args{"subject": "svc.binary"})
		require.NoError(t, err)
		require.Equal(t, []byte{0xff, 0xfe}, out.Body)
		require.Nil(t, out.Value)
	})
	t.Run("headers go along, with the item's id", func(t *testing.T) {
		out, err := n.Ops()["nats.request"].Run(t.Context(), ops.Input{
			With: ops.JSON(args{"subject": "svc.header", "headers": args{"X-Key": "k", "x-key": "other"}}), ID: "item-7",
		})
		require.NoError(t, err)
		require.JSONEq(t, `{"X-Key":["k"],"x-key":["other"],"Nats-Msg-Id":["item-7"]}`, string(out.Value))
	})
}

func TestRequest_fails_with_the_text_of_a_service(t *testing.T) {
	b := brokertest.New(t)
	nc := b.Connect()
	service, err := micro.AddService(nc, micro.Config{Name: "svc", Version: "1.0.0"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = service.Stop() })
	require.NoError(t, service.AddEndpoint("sum", micro.HandlerFunc(func(r micro.Request) {
		_ = r.Error("400", "not a number\r\n", []byte(`{"detail":1}`))
	})))
	require.NoError(t, nc.Flush())
	out, err := run(t.Context(), t, onBroker(t, b, "sum"), "nats.request", args{"subject": "sum", "data": "x"})
	fails(t, err, events.ReasonComputation, false)
	require.ErrorContains(t, err, "request to sum: the service answered with an error: 400 not a number")
	require.Nil(t, out.Value)
	require.Nil(t, out.Body)
}

func TestRequest_fails_without_a_reply(t *testing.T) {
	b := brokertest.New(t)
	arrived := make(chan struct{}, 10)
	responder(t, b, "svc.slow", func(*nats.Msg) {})
	responder(t, b, "svc.slower", func(*nats.Msg) { arrived <- struct{}{} })
	responder(t, b, "svc.large", func(m *nats.Msg) { _ = m.Respond(make([]byte, maxReplyBytes+1)) })
	n := onBroker(t, b, "svc.>")

	out, err := run(t.Context(), t, n, "nats.request", args{"subject": "svc.nobody"})
	fails(t, err, events.ReasonConnect, true)
	require.ErrorContains(t, err, "nobody answers there")
	require.NotNil(t, out.Fetch)

	_, err = run(soon(t, 50*time.Millisecond), t, n, "nats.request", args{"subject": "svc.slow"})
	fails(t, err, events.ReasonTimeout, true)
	_, err = run(t.Context(), t, n, "nats.request", args{"subject": "svc.slow", "timeout": 0.05})
	fails(t, err, events.ReasonTimeout, true)

	_, err = run(t.Context(), t, n, "nats.request", args{"subject": "svc.large"})
	fails(t, err, events.ReasonTooLarge, false)
	_, err = run(t.Context(), t, n, "nats.request", args{"subject": "svc.large", "data": strings.Repeat("x", 2<<20)})
	fails(t, err, events.ReasonTooLarge, false)

	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err = run(ctx, t, n, "nats.request", args{"subject": "svc.slower"})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorAs(t, err, new(*ops.Failure))
}

func TestRequest_survives_that_the_broker_goes_away(t *testing.T) {
	b := brokertest.New(t)
	responder(t, b, "svc.echo", echo)
	n := onBroker(t, b, "svc.echo")
	b.Stop()
	require.Eventually(t, func() bool { return n.cfg.Broker.Conn.Status() == nats.RECONNECTING }, time.Minute, time.Millisecond)
	_, err := run(t.Context(), t, n, "nats.request", args{"subject": "svc.echo"})
	fails(t, err, events.ReasonConnect, true)
	require.ErrorContains(t, err, "the broker is away")

	b.Start()
	require.Eventually(t, func() bool {
		out, err := run(t.Context(), t, n, "nats.request", args{"subject": "svc.echo", "data": "again"})
		return err == nil && string(out.Body) == "again"
	}, time.Minute, 10*time.Millisecond)

	_, err = run(t.Context(), t, network(t, func(c *NetConfig) { c.Broker.Subjects = []string{"x"} }), "nats.request", args{"subject": "x"})
	fails(t, err, events.ReasonConnect, false)
}

func TestRequest_goes_only_where_the_operator_allows(t *testing.T) {
	b := brokertest.New(t)
	spy := b.Connect()
	sent, err := spy.SubscribeSync(">")
	require.NoError(t, err)
	require.NoError(t, spy.Flush())
	own := b.Connect()
	own.Opts.InboxPrefix = "mine"
	for _, c := range []struct {
		allowed []string
		refused []string
	}{
		{nil, []string{"svc", "svc.a", "run.count"}},
		{[]string{"svc.a"}, []string{"svc.b", "svc", "svc.a.b", "SVC.a"}},
		{[]string{"svc.*"}, []string{"svc", "svc.a.b", "other.a"}},
		{[]string{"svc.>"}, []string{"svc", "svcs.a"}},
		{[]string{">"}, []string{
			"$JS.API.STREAM.DELETE.WORK", "$SYS.REQ.SERVER.PING", "$KV.control.cancel.x", "$SRV.PING", "$O.bodies.C.x", "_INBOX.abc.1", "mine.abc.1",
			"work.count", "fetch.normal.noop", "crunch.normal.hash", "result.count", "result._batch", "done.count", "event.batch.done", "dead.fetch.count",
			"batch.cancel", "query.results", "schedule.x", "tick.x", "run.count",
		}},
		{[]string{"*.count"}, []string{"run.count", "work.count"}},
		{[]string{"run.count"}, []string{"run.page"}},
	} {
		n := network(t, func(cfg *NetConfig) { cfg.Broker.Conn, cfg.Broker.Subjects = own, c.allowed })
		for _, subject := range c.refused {
			out, err := run(t.Context(), t, n, "nats.request", args{"subject": subject, "data": "x"})
			fails(t, err, events.ReasonForbiddenTarget, false)
			require.Contains(t, err.Error(), subject)
			require.Nil(t, out.Fetch)
		}
	}
	require.NoError(t, own.Flush())
	require.NoError(t, spy.Flush())
	pending, _, err := sent.Pending()
	require.NoError(t, err)
	require.Zero(t, pending, "nothing was sent")

	_, err = run(t.Context(), t, network(t), "nats.request", args{"subject": "svc.a"})
	require.ErrorContains(t, err, "--nats-allow svc.a")

	responder(t, b, ">", func(m *nats.Msg) {
		if m.Reply != "" {
			_ = m.Respond([]byte("yes"))
		}
	})
	for pattern, subject := range map[string]string{
		"svc": "svc", "svc.a": "svc.a", "*": "svc", "*.a": "svc.a", "svc.*.c": "svc.b.c", "svc.>": "svc.a.b", ">": "svc.a", "run.count": "run.count",
		"run.*": "run.count", "run.>": "run.count", "worker.x": "worker.x", "ütf.8": "ütf.8",
	} {
		n := network(t, func(cfg *NetConfig) { cfg.Broker.Conn, cfg.Broker.Subjects = own, []string{"never", pattern} })
		_, err := run(t.Context(), t, n, "nats.request", args{"subject": subject})
		require.NoError(t, err, pattern)
	}
}

func TestNewNetwork_refuses_subjects_and_buckets_that_cannot_be(t *testing.T) {
	for _, p := range []string{
		"", ".", "a.", ".a", "a..b", "a b", "a\tb", "a.>.b", "a*", "a.b>", ">>", "a.\x00", "$JS.>", "$SRV.PING", "_INBOX.>", "work.>", "result.count", "fetch.*",
		"query.>", "a.\ufffd",
	} {
		_, err := NewNetwork(NetConfig{Broker: BrokerConfig{Subjects: []string{"ok", p}}})
		require.ErrorContains(t, err, "allowed subject", p)
	}
	for _, name := range []string{"", "a b", "a.b", "ü", strings.Repeat("a", 101)} {
		_, err := NewNetwork(NetConfig{Broker: BrokerConfig{Buckets: []string{"ok", name}}})
		require.ErrorContains(t, err, "object bucket", name)
	}
}

func TestAsk_refuses_arguments_that_make_no_request(t *testing.T) {
	n := network(t, func(c *NetConfig) { c.Broker.Subjects = []string{">"} })
	_, err := run(t.Context(), t, n, "nats.request", args{})
	fails(t, err, events.ReasonMissingParameter, false)
	many := args{}
	for i := range maxHeaders + 1 {
		many[strings.Repeat("x", i+1)] = ""
	}
	for _, a := range []args{
		{"subject": 1},
		{"subject": "a.*"},
		{"subject": "a.>"},
		{"subject": ">"},
		{"subject": "a b"},
		{"subject": "a\r\nPUB b"},
		{"subject": "a."},
		{"subject": "a..b"},
		{"subject": strings.Repeat("a", maxSubjectLength+1)},
		{"subject": "a", "data": "x", "json": 1},
		{"subject": "a", "data": 1},
		{"subject": "a", "timeout": 0},
		{"subject": "a", "timeout": -1},
		{"subject": "a", "timeout": 3601},
		{"subject": "a", "timeout": "1s"},
		{"subject": "a", "headers": args{"Nats-Msg-Id": "x"}},
		{"subject": "a", "headers": args{"nats-rollup": "all"}},
		{"subject": "a", "headers": args{"": "x"}},
		{"subject": "a", "headers": args{"a b": "x"}},
		{"subject": "a", "headers": args{"a:": "x"}},
		{"subject": "a", "headers": args{"a": "x\r\ny: z"}},
		{"subject": "a", "headers": args{"a": strings.Repeat("x", maxHeaderBytes)}},
		{"subject": "a", "headers": many},
		{"subject": "a", "reply": "x"},
	} {
		_, err := run(t.Context(), t, n, "nats.request", a)
		fails(t, err, events.ReasonInvalidParameter, false)
	}
}

func TestDepth_counts_what_is_nested(t *testing.T) {
	for text, want := range map[string]int{`1`: 0, `"[[["`: 0, `"\"[["`: 0, `[]`: 1, `[[],[[]]]`: 3, `{"a":{"b":[1]}}`: 3, `["\\",[]]`: 2} {
		require.True(t, json.Valid([]byte(text)), text)
		require.Equal(t, want, depth([]byte(text)), text)
	}
}
