package useragent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/fetchmill/fetchmill/internal/netguard"
	"github.com/fetchmill/fetchmill/internal/web"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// StatusFailure is the verdict on a response whose status the item does not accept.
func (x *Exchange) StatusFailure(resp *http.Response) error {
	err := fmt.Errorf("%s: status %d", x, resp.StatusCode)
	if text := http.StatusText(resp.StatusCode); text != "" {
		err = fmt.Errorf("%w %s", err, text)
	}
	if !temporaryStatus(resp.StatusCode) {
		return ops.Fail(events.ReasonHTTPStatus, err)
	}
	after := web.RetryAfter(resp.Header.Get("Retry-After"), time.Now(), x.agent.cfg.MaxRetryAfter)
	return ops.RetryAfter(events.ReasonHTTPStatus, after, err)
}

func temporaryStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500 && status <= 599
}

// failure is the verdict on an error of the transport or of reading a body. When the work was called off it is no verdict:
// the context's error, for the stage to hand the item back.
func (x *Exchange) failure(ctx context.Context, err error) error {
	if x.hop != nil {
		err = x.hop.pace.verdict(err)
	}
	return verdict(ctx, x.String(), err, x.start, x.hop != nil && x.hop.tlsFailed.Load())
}

// ErrHandshake marks an error of a TLS handshake for Verdict, as not all of them have a type of their own.
var ErrHandshake = errors.New("TLS handshake")

// Verdict judges an error of the network as those of requests are judged, for operations that use no HTTP. What says what was being
// done. When the work was called off it is no verdict: the context's error, for the stage to hand the item back.
func Verdict(ctx context.Context, what string, err error) error {
	return verdict(ctx, what, err, time.Time{}, errors.Is(err, ErrHandshake))
}

func verdict(ctx context.Context, what string, err error, start time.Time, tlsFailed bool) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	f := classify(ctx, err, start, tlsFailed)
	f.Err = clip(fmt.Errorf("%s: %w", what, f.Err))
	return f
}

// classify finds the reason. If the time ran out it tells how much that was, unless start is zero.
func classify(ctx context.Context, err error, start time.Time, tlsFailed bool) *ops.Failure {
	if errors.Is(err, errTooLarge) || headerTooLarge(err) {
		return permanent(events.ReasonTooLarge, err)
	}
	if errors.Is(err, errSlow) {
		return temporary(events.ReasonTimeout, err)
	}
	if f := unreachable(err); f != nil && f.Reason == events.ReasonForbiddenTarget {
		return f
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		within := "its time"
		if !start.IsZero() {
			within = time.Since(start).Round(time.Millisecond).String()
		}
		return temporary(events.ReasonTimeout, fmt.Errorf("no full answer within %s: %w", within, ctx.Err()))
	}
	if f := unreachable(err); f != nil {
		return f
	}
	if tlsFailed || isTLS(err) {
		return permanent(events.ReasonTLS, err)
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return temporary(events.ReasonConnect, err)
	}
	// What is left is an answer that cannot be read. It may be a proxy's or a restart's, so it is worth another try.
	return temporary(events.ReasonProtocol, err)
}

// DialFailure is the verdict on an error of Dial, or of reading and writing on what it has returned. When the work was called off it is no
// verdict: the context's error.
func DialFailure(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	f := unreachable(err)
	if f == nil {
		f = temporary(events.ReasonConnect, err)
	}
	f.Err = clip(f.Err)
	return f
}

// unreachable is the verdict on an error that means that there is no connection, or no longer; nil for others.
func unreachable(err error) *ops.Failure {
	if refused, ok := errors.AsType[*netguard.RefusedError](err); ok {
		return permanent(events.ReasonForbiddenTarget, refused) // without "dial tcp" in front, which is what did not happen
	}
	if p, ok := errors.AsType[*proxyError](err); ok { // before DNS, as it may be the proxy's name that is not found
		if isTimeout(p) {
			return temporary(events.ReasonTimeout, p)
		}
		return &ops.Failure{Reason: events.ReasonConnect, Err: p, Temporary: !p.final}
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return permanent(events.ReasonDNS, dns)
		}
		return temporary(events.ReasonDNS, dns)
	}
	switch {
	case isTimeout(err):
		return temporary(events.ReasonTimeout, err)
	case isBroken(err): // before TLS: a handshake that is cut off says nothing about certificates
		return temporary(events.ReasonConnect, err)
	}
	return nil
}

func permanent(r events.Reason, err error) *ops.Failure { return &ops.Failure{Reason: r, Err: err} }

func temporary(r events.Reason, err error) *ops.Failure {
	return &ops.Failure{Reason: r, Err: err, Temporary: true}
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

// isBroken means that there was no connection, or that it ended too early.
func isBroken(err error) bool {
	for _, e := range []error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE,
		syscall.EHOSTUNREACH, syscall.ENETUNREACH,
	} {
		if errors.Is(err, e) && !errors.Is(err, errEncoding) {
			return true
		}
	}
	return hasAny(err,
		"server closed idle connection", "server closed connection", // net/http
		"client connection lost", "client connection force closed", "server sent GOAWAY", "http2: client connection not usable",
	)
}

func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	// An alert. With TLS 1.3 a client may hear of it only after its handshake.
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// headerTooLarge recognises maxHeaderBytes being exceeded, for which net/http has no error value.
func headerTooLarge(err error) bool {
	return hasAny(err, "server response headers exceeded", "response header list larger than advertised limit")
}

func hasAny(err error, texts ...string) bool {
	s := err.Error()
	for _, t := range texts {
		if strings.Contains(s, t) {
			return true
		}
	}
	return false
}
