package idle_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/bench/idle"
	"github.com/fetchmill/fetchmill/bench/usage"
	"github.com/fetchmill/fetchmill/internal/leaktest"
)

// TestMain makes this program the process that is looked at, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "up" {
		if err := up(os.Args[2:]); err != nil {
			panic(err)
		}
		return
	}
	leaktest.Main(m)
}

// up is `fetchmill up` with the flags that the measurement adds.
func up(args []string) error {
	cfg := app.Default()
	for i := 0; i+1 < len(args); i += 2 {
		switch args[i] {
		case "--data":
			cfg.Dir = args[i+1]
		case "--nats-addr":
			cfg.Broker.Addr = args[i+1]
		case "--http-addr":
			cfg.HTTPAddr = args[i+1]
		default:
			return fmt.Errorf("unknown flag %s", args[i])
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	a, err := app.New(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	for _, l := range a.Banner() {
		fmt.Fprintf(os.Stderr, "  %-9s %s\n", l.Name, l.Text)
	}
	return a.Run(ctx, context.Background())
}

func TestARestingProcessIsMeasured(t *testing.T) {
	r, err := idle.Run(t.Context(), idle.Config{Command: []string{os.Args[0], "up"}, For: time.Second})
	if runtime.GOOS != "linux" {
		require.ErrorIs(t, err, usage.ErrLinuxOnly)
		return
	}
	require.NoError(t, err)
	require.GreaterOrEqual(t, r.Seconds, 1.0)
	require.Positive(t, r.Resident)
	require.GreaterOrEqual(t, r.Peak, r.Resident)
	require.Positive(t, r.StartMS)
	require.Less(t, r.CPUPercent, 50.0, "a busy loop")
	var text bytes.Buffer
	require.NoError(t, r.Print(&text))
	require.Contains(t, text.String(), "resident")
}

func TestAProcessThatEndsIsAnError(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	_, err := idle.Run(t.Context(), idle.Config{Command: []string{"/bin/false"}, For: time.Second})
	require.ErrorContains(t, err, "ended")
	_, err = idle.Run(t.Context(), idle.Config{Command: []string{"/bin/false"}, For: time.Millisecond})
	require.ErrorContains(t, err, "too short")
	_, err = idle.Run(t.Context(), idle.Config{For: time.Second})
	require.ErrorContains(t, err, "no command")
}
