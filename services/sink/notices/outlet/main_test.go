package outlet

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// The test binary is its own helper, as the command line is.
const envHelper = "FETCHMILL_TEST_SHOUT"

func TestMain(m *testing.M) {
	switch os.Getenv(envHelper) {
	case "guarded":
		if err := Shout(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case "recorded":
		os.Exit(record())
	}
	leaktest.Main(m)
}

func helper(mode string) func(context.Context) *exec.Cmd {
	return func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, "/usr/bin/env", envHelper+"="+mode, "GORACE=exitcode=66", os.Args[0])
	}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func notice(what string) *events.Notice {
	return &events.Notice{
		ID: events.NoticeID("ops", events.NoticeDown, what), Kind: events.NoticeDown, Channel: "ops", What: what, Owner: "Ada <ada@example.com>",
		Cause: "status 503", Since: noon, At: noon,
	}
}

func message(what string) Message {
	n := notice(what)
	return Message{ID: n.ID, Notices: []*events.Notice{n}, Subject: "DOWN: " + what, Text: what + " is down – since noon.\n.\nend", At: noon}
}

// failure is what came of sending, which must have failed.
func failure(t *testing.T, err error) *Failure {
	t.Helper()
	require.Error(t, err)
	require.NotContains(t, err.Error(), "s3cr3t")
	return AsFailure(err)
}

func addrPort(t *testing.T, url string) netip.AddrPort {
	t.Helper()
	a, err := netip.ParseAddrPort(strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	return a
}
