package politeness

import (
	"errors"
	"fmt"
	"time"
)

// Later says that a request cannot have its turn soon. Nothing was tried: come back after After.
type Later struct {
	Host  string
	After time.Duration
	Why   string
}

func (e *Later) Error() string {
	return fmt.Sprintf("host %s: %s; its turn is in about %s", shown(e.Host), e.Why, rounded(e.After))
}

// Broken says that the host has not answered for so long that it is not asked for now.
type Broken struct {
	Host     string
	Failures int           // unanswered requests in a row
	Last     string        // what went wrong with the newest of them
	Until    time.Time     // when the next request may try
	After    time.Duration // the same, from now
}

func (e *Broken) Error() string {
	s := fmt.Sprintf("host %s has not answered %d times in a row", shown(e.Host), e.Failures)
	if e.Last != "" {
		s += ", last: " + e.Last
	}
	return s + "; next try in " + rounded(e.After).String()
}

// rounded leaves as many digits as people read.
func rounded(d time.Duration) time.Duration {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond)
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond)
	default:
		return d.Round(time.Second)
	}
}

var errMessage = errors.New("not a message of a fetcher")

// Why a request has to come later.
const (
	whyShare   = "other fetchers have it in their care"
	whyPaused  = "it asked us to slow down"
	whyPace    = "its rate limit is used up"
	whyCrowd   = "many requests wait for it"
	whyWaiting = "too many requests wait for slow hosts"
	whyHosts   = "too many hosts are paused or broken at the moment"
	whyWaited  = "no turn came free in time"
	whyJoining = "the shares of the fetchers are being settled"
)
