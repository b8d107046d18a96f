package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/tests/internal/natscli"
	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// diskSize is enough for all that the tests keep, and little to fill.
const diskSize = 96 << 20

// TestFullDisk is about disks that become full while items flow, and have space again later: nothing that was accepted is lost, and
// nothing is done twice.
func TestFullDisk(t *testing.T) {
	if !process.Apart(t, builtProgram+"="+fetchmill) {
		return
	}
	services := func(m *mill) {
		m.service("sink", "--db", m.db)
		m.service("cruncher", "-c", "4")
		m.service("fetcher")
		m.service("ingest")
	}
	t.Run("of the database: the sink goes on by itself when there is space", func(t *testing.T) {
		disk := process.NewDisk(t, diskSize)
		m := start(t, random(t), "--ack-wait", "2s", "--duplicate-window", "1s")
		m.db = filepath.Join(disk.Dir, "results.db")
		services(m)
		m.flowThrough(disk, "the database does not take results", m.member("sink"), func() {}, func() {})
		require.Zero(t, m.member("sink").falls)
	})
	t.Run("of the broker: it goes on after a restart when there is space", func(t *testing.T) {
		disk := process.NewDisk(t, diskSize)
		broker := process.NewBroker(t, natscli.BuildServer(t))
		broker.Dir = filepath.Join(disk.Dir, "broker")
		broker.Conf = filepath.Join(t.TempDir(), "nats.conf")
		require.NoError(t, os.WriteFile(broker.Conf, []byte("jetstream { max_file_store: 20GB }\n"), 0o600)) // it would reckon with the disk's size
		m := startOn(t, random(t), broker, "--ack-wait", "2s", "--duplicate-window", "1s")
		services(m)
		m.flowThrough(disk, "no space left", m.member(nameBroker), func() {}, func() {
			m.suffer(fault{kind: []kind{faultKill, faultEnd}[m.rng.IntN(2)], victim: nameBroker})
		})
	})
	t.Run("of up: broker and database go on by themselves when there is space", func(t *testing.T) {
		disk := process.NewDisk(t, diskSize)
		broker := process.NewBroker(t, "")
		m := &mill{t: t, rng: random(t), url: broker.URL(), db: filepath.Join(disk.Dir, "data", "results.db"), temporary: t.TempDir()}
		m.add(nameUp, process.Spec{Path: fetchmill, Env: []string{"TMPDIR=" + m.temporary}, Args: []string{
			"up", "--data", filepath.Join(disk.Dir, "data"), "--nats-addr", strings.TrimPrefix(m.url, "nats://"), "--http-addr", "127.0.0.1:0", "--drain", "5s",
			"--stream-ack-wait", "2s", "--stream-duplicate-window", "1s",
		}})
		m.flowThrough(disk, "nothing is accepted until the broker can write again", m.member(nameUp), func() {
			_, err := get(m.member(nameUp).http() + "/readyz")
			require.ErrorContains(t, err, "make space on the disk")
		}, func() {})
		require.Zero(t, m.member(nameUp).falls)
	})
}

// TestSmallBroker is about a broker that may not store what the streams may need.
func TestSmallBroker(t *testing.T) {
	broker := process.NewBroker(t, natscli.BuildServer(t))
	broker.Conf = filepath.Join(t.TempDir(), "nats.conf")
	require.NoError(t, os.WriteFile(broker.Conf, []byte("jetstream { max_file_store: 2GB }\n"), 0o600))
	process.Start(t, nameBroker, broker.Spec())
	setup := func(args ...string) *process.Process {
		return process.Start(t, "setup", process.Spec{Path: fetchmill, Args: append([]string{"setup", "--nats", broker.URL()}, args...)})
	}
	p := setup()
	require.NotZero(t, p.Wait())
	require.Contains(t, p.Stderr(), "lower --max-bytes")
	p = setup("--max-bytes", "16777216", "--done-bytes", "16777216", "--bodies-bytes", "16777216")
	require.Zero(t, p.Wait(), p.Stderr())
}

const nameUp = "up"

// flowThrough lets items flow, fills the disk until a process complains, gives the space back, and checks that everything ends well.
func (m *mill) flowThrough(disk *process.Disk, complaint string, who *member, full, repair func()) {
	nc := process.Connect(m.t, m.url)
	c, err := client.New(nc)
	require.NoError(m.t, err)
	js, err := jetstream.New(nc)
	require.NoError(m.t, err)
	l := &load{batch: "noops", recipe: "noop", n: *items / 8, item: func(i int) string { return fmt.Sprint("noop ", i) }}
	before := m.holdings()
	g := newGate()
	var flow sync.WaitGroup
	flow.Go(func() { l.submit(m.t, c, g) })
	m.begin(c, l, g)
	disk.Fill()
	g.open(0.6)
	words, giveUp := regexp.MustCompile(complaint), time.Now().Add(patience)
	m.tend(func() bool { return words.MatchString(who.process.Stderr()) || time.Now().After(giveUp) })
	require.Regexp(m.t, words, who.process.Stderr(), "%s does not notice that its disk is full", who.name)
	full()
	m.pause(time.Second)
	ended := m.ended(c, l)
	disk.Free()
	repair()
	g.open(1)
	m.await(&flow)
	require.EqualValues(m.t, l.n, l.sub.Accepted)
	m.waitFor(c, l)
	eventuallyIdle(m.t, js)
	require.Empty(m.t, deadLetters(m.t, js))
	check(m.t, m, js, []*load{l}, &loners{}, 0)
	checkReduced(m.t, c, l)
	m.holdsNoMoreThan(before)
	m.t.Logf("%d of %d items had ended before the disk had space again", ended, l.n)
	for _, x := range m.members {
		if x.name == nameBroker {
			continue
		}
		x.process.Signal(syscall.SIGTERM)
		require.Zero(m.t, x.process.Wait(), "%s: %s", x.name, x.process.Stderr())
	}
	left, err := os.ReadDir(m.temporary)
	require.NoError(m.t, err)
	require.Empty(m.t, left, "temporary files are left")
}
