package governor

import (
	"math"
	"runtime/metrics"
	"syscall"
	"time"
)

// The figures of the Go runtime that are looked at (runtime/metrics).
const (
	schedulingLatencies = "/sched/latencies:seconds"
	collections         = "/gc/cycles/total:gc-cycles"
	liveHeap            = "/gc/heap/live:bytes"
	stacks              = "/memory/classes/heap/stacks:bytes"
)

// heap is what memory was in use at the last garbage collection.
type heap struct {
	collections uint64 // so far
	used        int64  // bytes that are live, and those of stacks
}

// machine looks at the Go runtime.
type machine struct {
	samples []metrics.Sample
	counts  []uint64 // of scheduling latencies, at the last look
}

func newMachine() *machine {
	m := &machine{samples: []metrics.Sample{{Name: schedulingLatencies}, {Name: collections}, {Name: liveHeap}, {Name: stacks}}}
	m.look()
	return m
}

// look returns what memory is in use, how much CPU time the process has had so far, and how long goroutines that could run have waited for
// a CPU on average since the last look.
func (m *machine) look() (memory heap, cpu, latency time.Duration) {
	metrics.Read(m.samples)
	h := m.samples[0].Value.Float64Histogram()
	latency = meanSince(h, m.counts)
	m.counts = append(m.counts[:0], h.Counts...)
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) == nil {
		cpu = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	collected, live, stacks := m.samples[1].Value.Uint64(), m.samples[2].Value.Uint64(), m.samples[3].Value.Uint64()
	return heap{collections: collected, used: int64(live + stacks)}, cpu, latency
}

// meanSince is the mean of what has come into a histogram of seconds since it had the given counts.
func meanSince(h *metrics.Float64Histogram, before []uint64) time.Duration {
	var n, sum float64
	for i, count := range h.Counts {
		if i < len(before) {
			count -= before[i]
		}
		low, high := h.Buckets[i], h.Buckets[i+1]
		if math.IsInf(low, -1) {
			low = 0
		}
		if math.IsInf(high, 1) {
			high = low
		}
		n += float64(count)
		sum += float64(count) * (low + high) / 2
	}
	if n == 0 {
		return 0
	}
	return time.Duration(sum / n * float64(time.Second))
}
