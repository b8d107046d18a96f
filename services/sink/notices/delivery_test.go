package notices

import (
	"net"
	"net/http"
	"net/mail"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/sink/notices/channels"
	"github.com/fetchmill/fetchmill/services/sink/notices/internal/mailtest"
	"github.com/fetchmill/fetchmill/services/sink/notices/outlet"
)

func TestDelivery(t *testing.T) {
	t.Run("each notice is sent once, in order, on its channel", func(t *testing.T) {
		o, ops, dev := newOffice(t), newHook(t), newHook(t)
		o.open(hooked("ops", ops.outlet(t)), hooked("dev", dev.outlet(t)))
		o.decideAll("ops", names("a", 20))
		o.decideAll("dev", names("b", 3))
		o.decide(down("ops", "a-000")) // decided again, by another replica
		o.allSent()
		require.Equal(t, names("a", 20), ops.got())
		require.Equal(t, names("b", 3), dev.got())
		require.Equal(t, down("dev", "b-000").ID, dev.messages()[0])
		require.Empty(t, o.letters())
	})

	t.Run("a channel that is down loses nothing and delays no other", func(t *testing.T) {
		o, ops, dev := newOffice(t), newHook(t), newHook(t)
		ops.answers(saying(http.StatusServiceUnavailable))
		o.openWith(Config{
			Channels: &channels.Catalogue{Channels: []*channels.Channel{hooked("ops", ops.outlet(t)), hooked("dev", dev.outlet(t))}},
			Backoff:  stage.Backoff{First: quick.First, Most: 2 * time.Second}, // so that a slow machine has it asked a few times more, and not many
		})
		o.decideAll("ops", names("a", 300))
		o.decideAll("dev", names("b", 50))
		require.Eventually(t, func() bool { return len(dev.got()) == 50 && ops.attempts() > 3 }, time.Minute, 5*time.Millisecond)
		require.Empty(t, ops.got())
		require.Less(t, ops.attempts(), 200, "it is not asked for each notice")
		ops.answers(nil)
		o.allSent()
		require.ElementsMatch(t, names("a", 300), ops.got())
		require.Contains(t, o.log.String(), "the channel takes notices again")
		require.Equal(t, 1, strings.Count(o.log.String(), "level=WARN msg=\"a channel does not take notices"), "it is not told each time")
	})

	t.Run("a channel that is slow delays no other", func(t *testing.T) {
		o, ops, dev := newOffice(t), newHook(t), newHook(t)
		release := make(chan struct{})
		defer func() {
			select {
			case <-release:
			default:
				close(release)
			}
		}()
		ops.answers(func(http.ResponseWriter, hookBody) bool { <-release; return true })
		o.open(hooked("ops", ops.outlet(t)), hooked("dev", dev.outlet(t)))
		o.decideAll("ops", names("a", 3))
		o.decideAll("dev", names("b", 20))
		require.Eventually(t, func() bool { return len(dev.got()) == 20 }, time.Minute, 5*time.Millisecond)
		close(release)
		o.allSent()
		require.Equal(t, names("a", 3), ops.got())
	})

	t.Run("what a receiver asks for is respected", func(t *testing.T) {
		o, ops := newOffice(t), newHook(t)
		var first atomic.Int64
		ops.answers(func(w http.ResponseWriter, b hookBody) bool {
			if first.CompareAndSwap(0, time.Now().UnixNano()) {
				return saying(http.StatusTooManyRequests, "Retry-After", "1")(w, b)
			}
			return true
		})
		o.open(hooked("ops", ops.outlet(t)))
		o.decideAll("ops", names("a", 2))
		o.allSent()
		require.ElementsMatch(t, names("a", 2), ops.got())
		require.GreaterOrEqual(t, time.Since(time.Unix(0, first.Load())), time.Second)
		require.Equal(t, 3, ops.attempts())
	})

	t.Run("what is refused becomes a dead letter, and the others go on", func(t *testing.T) {
		o, ops := newOffice(t), newHook(t)
		ops.answers(func(w http.ResponseWriter, b hookBody) bool {
			if strings.Contains(string(b.Data), "a-001") {
				return saying(http.StatusUnprocessableEntity)(w, b)
			}
			return true
		})
		o.open(hooked("ops", ops.outlet(t)))
		o.decideAll("ops", names("a", 3))
		o.allSent()
		require.Equal(t, []string{"a-000", "a-002"}, ops.got())
		letters := o.letters()
		require.Len(t, letters, 1)
		l := letters[0]
		require.Equal(t, "dead.notice.ops", l.Subject)
		require.Equal(t, "http_status", l.Header.Get(events.HeaderDeadReason))
		require.Equal(t, "a-001", l.Header.Get(events.HeaderDeadKey))
		require.Equal(t, "notice.ops", l.Header.Get(events.HeaderDeadSubject))
		n, err := events.DecodeNotice(l.Data)
		require.NoError(t, err)
		require.Equal(t, "a-001", n.What)
	})

	t.Run("a notice that alone makes its receiver fail keeps no other back", func(t *testing.T) {
		o, ops := newOffice(t), newHook(t)
		ops.answers(func(w http.ResponseWriter, b hookBody) bool {
			if strings.Contains(string(b.Data), "a-000") {
				return saying(http.StatusInternalServerError)(w, b)
			}
			return true
		})
		o.open(hooked("ops", ops.outlet(t)))
		o.decideAll("ops", names("a", 30))
		require.Eventually(t, func() bool { return len(ops.got()) == 29 }, time.Minute, 5*time.Millisecond)
		require.Eventually(t, func() bool { return o.waiting() == 1 }, time.Minute, 5*time.Millisecond, "what is delivered is acknowledged")
	})

	t.Run("what cannot be sent for too long becomes a dead letter, and so does what waits behind it", func(t *testing.T) {
		o, ops := newOffice(t), newHook(t)
		ops.answers(saying(http.StatusBadGateway))
		ch := hooked("ops", ops.outlet(t))
		ch.MaxAge = 300 * time.Millisecond
		o.decideAll("ops", names("a", 40)) // all are too old soon after the first attempt
		o.open(ch)
		o.allSent()
		require.Len(t, o.letters(), 40)
		require.Contains(t, o.letters()[0].Header.Get(events.HeaderDeadError), "not sent within 300ms: status 502")
		require.Less(t, ops.attempts(), 40)
	})

	t.Run("what is no notice becomes a dead letter", func(t *testing.T) {
		o, ops := newOffice(t), newHook(t)
		o.open(hooked("ops", ops.outlet(t)))
		_, err := o.js.Publish(t.Context(), "notice.ops", []byte("hello"))
		require.NoError(t, err)
		o.decide(down("ops", "a"))
		o.allSent()
		require.Equal(t, []string{"a"}, ops.got())
		require.Equal(t, "undecodable", o.letters()[0].Header.Get(events.HeaderDeadReason))
		require.Equal(t, "hello", string(o.letters()[0].Data))
	})
}

func TestDelivery_together(t *testing.T) {
	t.Run("a storm becomes a few messages that tell of all", func(t *testing.T) {
		o, ops := newOffice(t), newHook(t)
		ch := hooked("ops", ops.outlet(t))
		ch.Digest = channels.Digest{From: 5, Most: 100}
		ch.Pace = channels.Pace{Burst: 2, Every: 50 * time.Millisecond}
		o.decideAll("ops", names("a", 500))
		o.open(ch)
		o.allSent()
		require.ElementsMatch(t, names("a", 500), ops.got())
		require.LessOrEqual(t, len(ops.messages()), 10)
	})
	t.Run("a digest that is refused is sent one by one", func(t *testing.T) {
		o, ops := newOffice(t), newHook(t)
		ops.answers(func(w http.ResponseWriter, b hookBody) bool {
			if strings.Contains(string(b.Data), "a-007") {
				return saying(http.StatusRequestEntityTooLarge)(w, b)
			}
			return true
		})
		ch := hooked("ops", ops.outlet(t))
		ch.Digest = channels.Digest{From: 5, Most: 100}
		o.decideAll("ops", names("a", 10))
		o.open(ch)
		o.allSent()
		require.Len(t, ops.got(), 9)
		require.Len(t, o.letters(), 1)
	})
	t.Run("notices for different people never share a message", func(t *testing.T) {
		o, s := newOffice(t), mailtest.Start(t)
		ch := hooked("ops", mailer(t, s, "{{.Owner}}"))
		ch.Digest = channels.Digest{From: 3, Most: 100}
		for i, what := range names("a", 12) {
			n := down("ops", what)
			n.Owner = []string{"ada@example.com", "bob@example.com", ""}[i%3]
			o.decide(n)
		}
		o.open(ch)
		o.allSent()
		mails := s.Mails()
		require.Len(t, mails, 2)
		for _, m := range mails {
			require.Len(t, m.To, 1)
			require.Equal(t, "4 notices: 4 down", m.Subject())
		}
		require.NotEqual(t, mails[0].To, mails[1].To)
		require.Len(t, o.letters(), 4, "nobody is to be told of these")
	})
}

// mailer makes an outlet for a mail server.
func mailer(t *testing.T, s *mailtest.Server, to string) *outlet.Email {
	t.Helper()
	h, port, err := net.SplitHostPort(s.Addr)
	require.NoError(t, err)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	e, err := outlet.NewEmail(outlet.EmailConfig{
		Host: h, Port: n, Security: outlet.SecuritySTARTTLS, From: mail.Address{Address: "alerts@example.com"},
		To: []*template.Template{template.Must(template.New("to").Parse(to))}, Timeout: time.Minute, Trust: outlet.Trust{Roots: s.Roots},
	})
	require.NoError(t, err)
	return e
}

func TestDelivery_mail(t *testing.T) {
	t.Run("a server that drops the connection after the message gets it again, with the same id", func(t *testing.T) {
		o, s := newOffice(t), mailtest.Start(t)
		s.Misbehave(mailtest.Faults{Drop: true})
		o.open(hooked("ops", mailer(t, s, "ops@example.com")))
		o.decide(down("ops", "shop"))
		require.Eventually(t, func() bool { return len(s.Mails()) >= 2 }, time.Minute, 5*time.Millisecond)
		s.Misbehave(mailtest.Faults{})
		o.allSent()
		for _, m := range s.Mails() {
			require.Equal(t, "<"+down("ops", "shop").ID+"@example.com>", m.Header.Get("Message-Id"))
		}
	})
	t.Run("a server that is away gets everything when it is back", func(t *testing.T) {
		o, first := newOffice(t), mailtest.Start(t)
		first.Close()
		e := mailer(t, first, "ops@example.com")
		o.open(hooked("ops", e))
		o.decideAll("ops", names("a", 5))
		require.Eventually(t, func() bool { return strings.Contains(o.log.String(), "does not take notices") }, time.Minute, 5*time.Millisecond)
		second := mailtest.Start(t, mailtest.At(first.Addr)) // its certificate is the same: that of httptest
		o.allSent()
		require.Len(t, second.Mails(), 5)
	})
}

func TestReplicas(t *testing.T) {
	t.Run("share the work, and each notice is sent once", func(t *testing.T) {
		o, ops := newOffice(t), newHook(t)
		for range 3 {
			o.open(hooked("ops", ops.outlet(t)))
		}
		o.decideAll("ops", names("a", 200))
		o.allSent()
		require.ElementsMatch(t, names("a", 200), ops.got())
	})
	t.Run("one that stops hands over what it has not sent", func(t *testing.T) {
		o, ops := newOffice(t), newHook(t)
		begun, release := make(chan struct{}, 10), make(chan struct{})
		ops.answers(func(http.ResponseWriter, hookBody) bool { begun <- struct{}{}; <-release; return true })
		_, stop := o.open(hooked("ops", ops.outlet(t)))
		o.decideAll("ops", names("a", 3))
		<-begun
		stop() // in the middle of a message
		ops.answers(nil)
		close(release)
		o.open(hooked("ops", ops.outlet(t)))
		o.allSent()
		require.Subset(t, ops.got(), names("a", 3))
	})
	t.Run("one that is killed while it sends is stood in for, under the same id", func(t *testing.T) {
		o, ops := newOffice(t), newHook(t)
		want := topology.NoticeConsumer("ops")
		want.AckWait = time.Second // the test does not wait for as long as sinks do
		_, err := o.js.CreateConsumer(t.Context(), want.Stream, want.ConsumerConfig)
		require.NoError(t, err)
		begun, release := make(chan struct{}, 10), make(chan struct{})
		ops.answers(func(http.ResponseWriter, hookBody) bool { begun <- struct{}{}; <-release; return true })
		doomed := exec.Command(os.Args[0])
		doomed.Env = append(os.Environ(), envBroker+"="+o.broker.URL(), envHook+"="+ops.URL)
		require.NoError(t, doomed.Start())
		defer func() { _ = doomed.Process.Kill() }()
		o.decide(down("ops", "shop"))
		<-begun // the receiver has the message, and the process has no answer
		require.NoError(t, doomed.Process.Kill())
		_ = doomed.Wait()
		ops.answers(nil)
		close(release)
		o.open(hooked("ops", ops.outlet(t)))
		o.allSent()
		for _, id := range ops.messages() {
			require.Equal(t, down("ops", "shop").ID, id)
		}
		c, err := o.js.Consumer(t.Context(), want.Stream, want.Name)
		require.NoError(t, err)
		require.Zero(t, c.CachedInfo().NumAckPending)
		require.LessOrEqual(t, len(ops.messages()), int(c.CachedInfo().Delivered.Consumer), "once for each delivery") // more than 2 where the machine stood still
	})
	t.Run("a broker that restarts costs nothing", func(t *testing.T) {
		o, ops := newOffice(t), newHook(t)
		ops.answers(saying(http.StatusServiceUnavailable))
		o.open(hooked("ops", ops.outlet(t)))
		o.decideAll("ops", names("a", 20))
		require.Eventually(t, func() bool { return ops.attempts() > 2 }, time.Minute, 5*time.Millisecond)
		o.broker.Stop()
		o.broker.Start()
		ops.answers(nil)
		js := o.broker.JetStream()
		require.Eventually(t, func() bool {
			s, err := js.Stream(t.Context(), topology.StreamNotices)
			return err == nil && s.CachedInfo().State.Msgs == 0
		}, time.Minute, 20*time.Millisecond)
		require.Subset(t, ops.got(), names("a", 20))
	})
}
