package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"
)

const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// Listen listens on a TCP address; port 0 takes a free port, and the listener's Addr says which. An address without a host
// (":8080") means 127.0.0.1: nobody opens a service to the world by leaving something out. flag is the command-line flag that
// sets the address, to be named when the address is taken.
func Listen(ctx context.Context, addr, flag string) (net.Listener, error) {
	if host, port, err := net.SplitHostPort(addr); err == nil && host == "" {
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		return ln, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w on %s: another program has this address; stop it or choose another with %s HOST:PORT (port 0 takes a free one): %w", ErrListen, addr, flag, err)
	default:
		return nil, fmt.Errorf("%w on %s: check %s HOST:PORT: %w", ErrListen, addr, flag, err)
	}
}

// Serve serves HTTP on ln until intake ends, then lets running requests finish until work ends. There is no limit for a
// whole request or answer, because results can be followed for hours: handlers bound their own.
func Serve(intake, work context.Context, ln net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler: localOnly(ln.Addr(), h), ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		BaseContext: func(net.Listener) context.Context { return work },
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()

	select {
	case err := <-failed:
		return fmt.Errorf("serve HTTP on %s: %w", ln.Addr(), err)
	case <-intake.Done():
	}
	err := srv.Shutdown(work)
	if err != nil {
		_ = srv.Close() // time is up: drop the connections that are left
	}
	if served := <-failed; err == nil && !errors.Is(served, http.ErrServerClosed) {
		err = served
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil // being hurried is no fault
	}
	return err
}
