package host

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// ExitInterrupted is the exit status of a process ended by SIGINT, as shells have it.
const ExitInterrupted = 130

// Signals turns SIGINT and SIGTERM into the end of two contexts: the first signal ends intake (take nothing new, finish
// what is in hand), the second ends work (hand back what is left), the third exits at once. stop gives the signals back.
func Signals(ctx context.Context) (intake, work context.Context, stop func()) {
	ch := make(chan os.Signal, 3)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	intake, work, end := follow(ctx, ch, os.Exit) //nolint:forbidigo // the third signal ends the process, whatever it is doing
	return intake, work, func() {
		signal.Stop(ch)
		end()
	}
}

func follow(ctx context.Context, ch <-chan os.Signal, exit func(int)) (intake, work context.Context, stop func()) {
	work, hurry := context.WithCancel(ctx)
	intake, drain := context.WithCancel(work)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for _, react := range []func(){drain, hurry, func() { exit(ExitInterrupted) }} {
			select {
			case <-ch:
				react()
			case <-quit:
				return
			}
		}
	}()
	return intake, work, func() {
		close(quit)
		<-done
		hurry()
		drain()
	}
}
