package chaos

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// kind is what is done to a process.
type kind string

// The kinds of faults.
const (
	faultKill kind = "kill" // SIGKILL, and started again
	faultEnd  kind = "end"  // SIGTERM, and started again
	faultStop kind = "stop" // SIGSTOP, and SIGCONT after a while: longer than the broker waits for acknowledgements
	faultCut  kind = "cut"  // its connection to the broker carries nothing for a while
	faultSlow kind = "slow" // its connection to the broker delays all that it carries for a while
)

// fault is one of a list, which is printed as a test begins. A shorter list can be given to the next run, to find out which of them matter.
type fault struct {
	kind   kind
	victim string
	time   time.Duration // how long it lasts; 0 where it does not
}

func (f fault) String() string {
	if f.time == 0 {
		return fmt.Sprintf("%s %s", f.kind, f.victim)
	}
	return fmt.Sprintf("%s %s %s", f.kind, f.victim, f.time)
}

// parseFaults reads what a list looks like when it is printed.
func parseFaults(t *testing.T, text string) []fault {
	t.Helper()
	var list []fault
	if text == noFaults {
		return list
	}
	for part := range strings.SplitSeq(text, ",") {
		fields := strings.Fields(part)
		require.Contains(t, []int{2, 3}, len(fields), "%q is no fault: write for example kill sink, or cut fetcher 3s", part)
		f := fault{kind: kind(fields[0]), victim: fields[1]}
		if len(fields) == 3 {
			var err error
			f.time, err = time.ParseDuration(fields[2])
			require.NoError(t, err)
		}
		list = append(list, f)
	}
	return list
}

// randomFaults makes a list in which every service and the broker meet everything that can happen to them.
func randomFaults(rng *rand.Rand, services []string) []fault {
	var list []fault
	while := func() time.Duration {
		return (500*time.Millisecond + time.Duration(rng.Int64N(int64(3*time.Second)))).Round(time.Millisecond)
	}
	for _, name := range services {
		list = append(list, fault{faultKill, name, 0}, fault{faultEnd, name, 0}, fault{faultStop, name, while()}, fault{faultCut, name, while()}, fault{faultSlow, name, while()})
	}
	list = append(list, fault{faultKill, nameBroker, 0}, fault{faultEnd, nameBroker, 0}, fault{faultStop, nameBroker, while()})
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// listed writes faults as parseFaults reads them.
func listed(faults []fault) string {
	if len(faults) == 0 {
		return noFaults
	}
	texts := make([]string, len(faults))
	for i, f := range faults {
		texts[i] = f.String()
	}
	return strings.Join(texts, ", ")
}

// linked adds a service whose connection to the broker can be cut.
func (m *mill) linked(name string, args ...string) {
	l := process.NewLink(m.t, strings.TrimPrefix(m.url, "nats://"))
	args = append([]string{name, "--nats", "nats://" + l.Address, "--http-addr", "127.0.0.1:0", "--drain", "5s"}, args...)
	m.add(name, process.Spec{Path: fetchmill, Args: args, Env: []string{"TMPDIR=" + m.temporary}})
	m.members[len(m.members)-1].link = l
}

// suffer does to the mill what a fault says, and waits until it is over.
func (m *mill) suffer(f fault) {
	m.t.Helper()
	x := m.member(f.victim)
	m.tend(func() bool { return x.due.IsZero() && x.process.Stderr() != "" }) // it may be down, or not yet know what signals mean
	over := time.Now().Add(f.time)
	wait := func() { m.tend(func() bool { return time.Now().After(over) }) }
	switch f.kind {
	case faultKill:
		m.kill(x)
	case faultEnd:
		x.due = time.Now().Add(m.upTo(700 * time.Millisecond))
		x.process.Signal(syscall.SIGTERM)
		require.Zero(m.t, x.process.Wait(), "%s does not end as it should", x.name)
	case faultStop:
		x.process.Signal(syscall.SIGSTOP)
		wait()
		x.process.Signal(syscall.SIGCONT)
	case faultCut:
		x.link.Cut()
		wait()
		x.link.Join()
	case faultSlow:
		x.link.Slow(20 * time.Millisecond)
		wait()
		x.link.Slow(0)
	default:
		require.Fail(m.t, "there is no fault "+string(f.kind))
	}
}
