package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fetchmill/fetchmill/internal/standin"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fetchmill": main})
}

// TestScripts runs the commands as processes, each script against a broker of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			t, ok := e.T().(interface{ testing.TB })
			if !ok {
				panic("testscript no longer hands out its *testing.T")
			}
			b := standin.StartBroker(t)
			b.MakeStreams(t, -1)
			standin.StartPipeline(t, b)
			e.Setenv("NATS_URL", b.URL)
			e.Setenv("XDG_CONFIG_HOME", e.WorkDir)
			e.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector makes each process last a second otherwise
			e.Values["broker"] = b
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"bury": bury, "exits": exits, "interrupt": interrupt, "keys": indexes,
		},
	})
}

// bury STAGE RECIPE DATA: puts a dead letter.
func bury(ts *testscript.TestScript, _ bool, args []string) {
	b, ok := ts.Value("broker").(*standin.Broker)
	if !ok {
		ts.Fatalf("no broker")
	}
	stage, recipe, data := events.Stage(args[0]), args[1], args[2]
	m := &nats.Msg{Subject: events.DeadSubject(stage, recipe), Header: nats.Header{}, Data: []byte(data)}
	m.Header.Set(events.HeaderDeadReason, string(events.ReasonBadInput))
	m.Header.Set(events.HeaderDeadError, "cannot be read")
	m.Header.Set(events.HeaderDeadSubject, events.WorkSubject(recipe))
	if err := b.NC.PublishMsg(m); err != nil {
		ts.Fatalf("bury: %v", err)
	}
	ts.Check(b.NC.Flush())
}

// exits CODE COMMAND…: runs a command that must end with this exit status.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		e, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = e.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, not %d", got, want)
	}
}

// interrupt COMMAND…: runs a command, sends it SIGINT when it has printed its first line, and checks that it ends with 130, or
// with 0 if there is nothing to go on with.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	cmd := exec.Command(args[0], args[1:]...)
	path, err := exec.LookPath(args[0])
	ts.Check(err)
	cmd.Path = path
	cmd.Dir, cmd.Env = ts.Getenv("WORK"), []string{"NATS_URL=" + ts.Getenv("NATS_URL"), "XDG_CONFIG_HOME=" + ts.Getenv("WORK"), "HOME=" + ts.Getenv("WORK")}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	lines := bufio.NewScanner(out)
	lines.Scan()
	first := lines.Text()
	ts.Check(cmd.Process.Signal(os.Interrupt))
	for lines.Scan() { // until it closes its stdout
	}
	_ = cmd.Wait() // its exit status is what counts
	want := 130
	if neg {
		want = 0
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit status %d, not %d; stderr: %s", got, want, stderr.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs("first"), []byte(first+"\n"), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("said"), stderr.Bytes(), 0o600))
}

// keys FILE KEY…: FILE has a JSON object per line, with these numbers as index, in this order.
func indexes(ts *testscript.TestScript, _ bool, args []string) {
	var got []string
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		var r events.Result
		ts.Check(json.Unmarshal([]byte(line), &r))
		got = append(got, strconv.FormatInt(r.Index, 10))
	}
	if !slices.Equal(got, args[1:]) {
		ts.Fatalf("indexes %v, not %v", got, args[1:])
	}
}
