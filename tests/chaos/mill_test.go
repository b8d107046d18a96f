package chaos

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/tests/internal/natscli"
	"github.com/fetchmill/fetchmill/tests/internal/process"
)

const nameBroker = "broker"

// mill is a broker and services, each a process of its own, and somebody who starts again what has died. It belongs to the
// goroutine of the test.
type mill struct {
	t       testing.TB
	rng     *rand.Rand
	url     string // of the broker
	db      string // path of the sink's database
	members []*member

	temporary string // folder of the services for temporary files
}

// member is a process of the mill, from one life to the next.
type member struct {
	name    string
	spec    process.Spec
	process *process.Process
	link    *process.Link // of a service, to the broker; nil without
	due     time.Time     // when a dead one starts again; zero while it lives
	kills   int
	falls   int // ends that nobody asked for
}

// start starts a broker with everything on it, and no services yet.
func start(t testing.TB, rng *rand.Rand, setup ...string) *mill {
	t.Helper()
	return startOn(t, rng, process.NewBroker(t, natscli.BuildServer(t)), setup...)
}

func startOn(t testing.TB, rng *rand.Rand, broker process.Broker, setup ...string) *mill {
	t.Helper()
	m := &mill{t: t, rng: rng, url: broker.URL(), db: filepath.Join(t.TempDir(), "results.db"), temporary: t.TempDir()}
	m.add(nameBroker, broker.Spec())
	p := process.Start(t, "setup", process.Spec{
		Path: fetchmill, Args: append([]string{"setup", "--nats", m.url}, setup...),
	})
	require.Zero(t, p.Wait(), "setup: %s", p.Stderr())
	return m
}

// service adds one of fetchmill's services.
func (m *mill) service(name string, args ...string) {
	args = append([]string{name, "--nats", m.url, "--http-addr", "127.0.0.1:0", "--drain", "5s"}, args...)
	m.add(name, process.Spec{Path: fetchmill, Args: args, Env: []string{"TMPDIR=" + m.temporary}})
}

func (m *mill) add(name string, spec process.Spec) {
	x := &member{name: name, spec: spec}
	x.process = process.Start(m.t, name, spec)
	m.members = append(m.members, x)
}

// member is the one of that name.
func (m *mill) member(name string) *member {
	m.t.Helper()
	i := slices.IndexFunc(m.members, func(x *member) bool { return x.name == name })
	require.NotEqual(m.t, -1, i, "there is no %s", name)
	return m.members[i]
}

// tend lets time pass and starts again what is down, until the condition holds.
func (m *mill) tend(until func() bool) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ; !until(); <-tick.C {
		for _, x := range m.members {
			m.look(x)
		}
	}
}

// await starts again what is down until others have ended what they do.
func (m *mill) await(others *sync.WaitGroup) {
	ended := make(chan struct{})
	go func() {
		others.Wait()
		close(ended)
	}()
	m.tend(func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
}

// pause lets some time pass, at random.
func (m *mill) pause(most time.Duration) {
	end := time.Now().Add(m.upTo(most))
	m.tend(func() bool { return time.Now().After(end) })
}

func (m *mill) upTo(most time.Duration) time.Duration {
	return time.Duration(m.rng.Int64N(int64(most)))
}

// look starts a member again that is down.
func (m *mill) look(x *member) {
	select {
	case <-x.process.Exited():
	default:
		return
	}
	now := time.Now()
	switch {
	case x.due.IsZero():
		x.falls++
		x.due = now.Add(100 * time.Millisecond)
		m.t.Logf("%s ended by itself with status %d: %s", x.name, x.process.Status(), tail(x.process.Stderr()))
	case now.After(x.due):
		x.due = time.Time{}
		x.process = process.Start(m.t, x.name, x.spec)
	}
}

// tail is the last lines of a text.
func tail(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-4):], "\n    ")
}

// kill kills a member, which starts again after a short time at random.
func (m *mill) kill(x *member) {
	m.tend(func() bool { return x.due.IsZero() }) // it may be down already
	x.due = time.Now().Add(m.upTo(700 * time.Millisecond))
	x.kills++
	x.process.Kill()
}
