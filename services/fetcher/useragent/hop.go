package useragent

import (
	"crypto/tls"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// hop takes the times of one request. The hooks of httptrace may run at the same time, and even after the request has returned:
// a dial goes on in the background when another connection became free. So each hop has fields of its own, all of them atomic.
type hop struct {
	start time.Time
	// Nanoseconds since start; 0 means not reached.
	dnsStart, dnsDone, connectStart, connectDone, tlsStart, tlsDone, gotConn, firstByte atomic.Int64
	reused                                                                              atomic.Bool
	tlsFailed                                                                           atomic.Bool
	pace                                                                                pace
}

func (a *Agent) newHop() *hop {
	h := &hop{start: time.Now()}
	h.pace.watch, h.pace.start, h.pace.window, h.pace.least = &a.watch, h.start, a.cfg.MinRateWindow, a.leastInWindow
	return h
}

func (h *hop) mark(field *atomic.Int64) { field.Store(max(1, int64(time.Since(h.start)))) }

func (h *hop) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { h.mark(&h.dnsStart) },
		DNSDone:  func(httptrace.DNSDoneInfo) { h.mark(&h.dnsDone) },
		ConnectStart: func(string, string) { // once per address; the first counts
			if h.connectStart.Load() == 0 {
				h.mark(&h.connectStart)
			}
		},
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				h.mark(&h.connectDone)
			}
		},
		TLSHandshakeStart: func() { h.mark(&h.tlsStart) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			h.tlsFailed.Store(err != nil)
			h.mark(&h.tlsDone)
		},
		GotConn: func(info httptrace.GotConnInfo) {
			h.reused.Store(info.Reused)
			h.mark(&h.gotConn)
			h.pace.got(info.Conn)
		},
		GotFirstResponseByte: func() {
			h.mark(&h.firstByte)
			h.pace.begin()
		},
	}
}

// addTo ends the hop and adds its times to p.
func (h *hop) addTo(p *events.Phases) {
	end := int64(time.Since(h.start))
	got, first := h.gotConn.Load(), h.firstByte.Load()
	if !h.reused.Load() {
		limit := end
		if got != 0 {
			limit = got // what came later belongs to a dial whose connection was not used
		}
		p.DNS += span(h.dnsStart.Load(), h.dnsDone.Load(), limit)
		p.Connect += span(h.connectStart.Load(), h.connectDone.Load(), limit)
		p.TLS += span(h.tlsStart.Load(), h.tlsDone.Load(), limit)
	}
	p.FirstByte += span(got, first, end)
	p.Transfer += span(first, end, end)
}

// span returns the milliseconds from one mark to another, 0 unless both were reached before limit.
func span(from, to, limit int64) float64 {
	if from == 0 || to < from || to > limit {
		return 0
	}
	return milliseconds(time.Duration(to - from))
}
