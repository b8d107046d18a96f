package notices

import (
	"sync"
	"time"

	"github.com/fetchmill/fetchmill/services/sink/notices/outlet"
)

// state is how a channel is doing, as one sink sees it.
type state struct {
	mu         sync.Mutex
	count      int64     // sent
	lastSent   time.Time //
	lastFailed time.Time //
	lastError  string    // of the last failure
	downSince  time.Time // the first failure after the last success
}

func (s *state) sent(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count += int64(n)
	s.lastSent, s.downSince = time.Now().UTC(), time.Time{}
}

func (s *state) failed(f *outlet.Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastFailed, s.lastError = time.Now().UTC(), string(f.Reason)+": "+f.Error()
	if s.downSince.IsZero() {
		s.downSince = s.lastFailed
	}
}

// since is when the channel went down.
func (s *state) since() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.downSince.IsZero() {
		return time.Now()
	}
	return s.downSince
}
