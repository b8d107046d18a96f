package outlet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Failure is why a message was not sent. Any other error of an outlet is one of this program.
type Failure struct {
	Err    error
	Reason events.Reason
	// Refused means that this message will not be taken, however often it is sent: the receiver is there and does not want it. All
	// else is the channel's trouble, which passes, or which the operator puts right.
	Refused bool
	// RetryAfter is what the receiver asks for; 0 if it does not.
	RetryAfter time.Duration
}

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// AsFailure makes a failure of any error.
func AsFailure(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	return &Failure{Err: err, Reason: events.ReasonInternal}
}

// troubled says what came in the way of a connection. hide takes secrets out of the text.
func troubled(err error, hide func(string) string) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	return &Failure{Err: errors.New(hide(err.Error())), Reason: reasonOf(err)}
}

func reasonOf(err error) events.Reason {
	var (
		named  *net.DNSError
		cert   *tls.CertificateVerificationError
		alert  tls.AlertError
		record tls.RecordHeaderError
		answer *textproto.Error
	)
	switch {
	case errors.As(err, &named):
		return events.ReasonDNS
	case errors.As(err, &cert), errors.As(err, &alert), errors.As(err, &record):
		return events.ReasonTLS
	case errors.As(err, &answer): // of a mail server, before the message: it may not like the password
		return events.ReasonRefused
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), timedOut(err):
		return events.ReasonTimeout
	default:
		return events.ReasonConnect
	}
}

func timedOut(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// statusFailure says what the status of an HTTP answer means. Statuses that depend on what was sent are refusals; those about the
// address, the credentials and the server are the channel's trouble.
func statusFailure(status int, retryAfter time.Duration, said string) *Failure {
	f := &Failure{Reason: events.ReasonHTTPStatus, RetryAfter: retryAfter}
	switch status {
	case 400, 406, 409, 410, 411, 413, 414, 415, 422, 431:
		f.Refused = true
	}
	f.Err = fmt.Errorf("status %d", status)
	if said != "" {
		f.Err = fmt.Errorf("status %d: %s", status, said)
	}
	return f
}
