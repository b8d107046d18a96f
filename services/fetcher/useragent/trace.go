package useragent

import (
	"context"
	"net/http/httptrace"
)

// withoutValues hides the trace of a request from the dial to its proxy, whose look-up and connection are not the target's.
type withoutValues struct{ context.Context } //nolint:containedctx // it is a context

func (withoutValues) Value(any) any { return nil }

// traceOf returns the trace of a request with the hooks for connecting set.
func traceOf(ctx context.Context) httptrace.ClientTrace {
	var t httptrace.ClientTrace
	if of := httptrace.ContextClientTrace(ctx); of != nil {
		t = *of
	}
	if t.ConnectStart == nil {
		t.ConnectStart = func(string, string) {}
	}
	if t.ConnectDone == nil {
		t.ConnectDone = func(string, string, error) {}
	}
	return t
}
