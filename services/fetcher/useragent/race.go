package useragent

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// attemptDelay is how long an address has before the next one is tried as well (RFC 8305, section 5).
	attemptDelay = 250 * time.Millisecond
	// maxAttempts is how many addresses of a name are tried. A name can have thousands.
	maxAttempts = 8
)

// race connects to the first address that answers, as net.Dialer does without a proxy: IPv6 and IPv4 by turns, the next one when one
// has failed or takes long. It returns when all attempts have ended, which those that have lost do at once.
func race(ctx context.Context, targets []netip.AddrPort, dial tunnel) (net.Conn, error) {
	targets = byTurns(targets)
	targets = targets[:min(len(targets), maxAttempts)]
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		conn net.Conn
		err  error
	}
	results := make(chan result, len(targets))
	var attempts sync.WaitGroup
	defer func() {
		cancel()
		attempts.Wait()
		close(results)
		for r := range results {
			if r.err == nil {
				_ = r.conn.Close() // came second
			}
		}
	}()

	var failed error
	next := time.NewTimer(0)
	defer next.Stop()
	for started, ended := 0, 0; ended < len(targets); {
		select {
		case <-next.C:
			if started == len(targets) {
				continue
			}
			target := targets[started]
			started++
			attempts.Go(func() {
				c, err := dial(ctx, target)
				results <- result{c, err}
			})
			next.Reset(attemptDelay)
		case r := <-results:
			if r.err == nil {
				return r.conn, nil
			}
			ended++
			if failed == nil {
				failed = r.err // the best address is the one to tell of
			}
			next.Reset(0)
		}
	}
	return nil, failed
}

// byTurns puts addresses of the two families by turns, beginning with that of the first, and leaves their order otherwise.
func byTurns(targets []netip.AddrPort) []netip.AddrPort {
	var families [2][]netip.AddrPort
	for _, t := range targets {
		i := 0
		if t.Addr().Is4() != targets[0].Addr().Is4() {
			i = 1
		}
		families[i] = append(families[i], t)
	}
	turns := make([]netip.AddrPort, 0, len(targets))
	for i := range targets {
		for _, f := range families {
			if i < len(f) {
				turns = append(turns, f[i])
			}
		}
	}
	return turns
}
