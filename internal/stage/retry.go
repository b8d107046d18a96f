package stage

import (
	"maps"
	"strconv"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// An item that is to be tried again goes back into its own stream as a new message, which says how often its step has failed and when
// the next attempt may begin; the old one is acknowledged. Handed back, it would only have the broker's count of deliveries, and
// that counts whatever a stopping or dying worker leaves, and the waiting for a host's turn, too (docs/adr/0006).

// tries is how many attempts of the step have failed before.
func (m Message) tries() int {
	n, err := strconv.Atoi(m.Header[events.HeaderTries])
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// longestRest is longer than anything rests between two attempts. What claims to rest longer bears the time of a clock that is not this one.
const longestRest = time.Hour

// early is how long it is until the message may be worked on, 0 or less if that is now.
func (m Message) early(now time.Time, most time.Duration) time.Duration {
	at := m.Header[events.HeaderNotBefore]
	if at == "" {
		return 0
	}
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return 0
	}
	rest := t.Sub(now)
	if rest > max(longestRest, most) {
		return 0
	}
	return rest
}

// retry is the verdict that the item is tried again after a rest: the same bytes, with one try more.
func (s *Steps) retry(it *events.Item, m Message, reason events.Reason, rest time.Duration) Verdict {
	tries := m.tries() + 1
	msgID := events.MsgID(it.ID, s.Stage) + "." + strconv.Itoa(tries)
	return s.back(OutcomeRetry, m, msgID, tries, rest).Because(reason)
}

// postpone is the verdict about an item whose operation could not begin. It is handed back; only one that the broker has delivered so
// often that it looks as if workers were dying on it gets a new message, and with it a new count.
func (s *Steps) postpone(it *events.Item, m Message, rest time.Duration) Verdict {
	if m.Delivery <= s.Limits.Deliveries/2 {
		return Later(rest)
	}
	msgID := events.MsgID(it.ID, s.Stage) + ".later." + strconv.FormatUint(m.Seq, 10)
	return s.back(OutcomeWaiting, m, msgID, m.tries(), rest)
}

// back publishes the message anew where it came from. A stream that is full refuses it, and would stay full if workers waited for
// room with the old messages in their hands; then the old one is handed back, and this try is not counted.
func (s *Steps) back(o Outcome, m Message, msgID string, tries int, rest time.Duration) Verdict {
	header := maps.Clone(m.Header)
	if header == nil {
		header = map[string]string{}
	}
	maps.Copy(header, events.Headers(msgID, events.TypeItem, s.Stage))
	header[events.HeaderTries] = strconv.Itoa(tries)
	header[events.HeaderNotBefore] = events.FormatTime(time.Now().Add(rest))
	return Verdict{Outcome: o, Publish: []Outgoing{{Subject: m.Subject, Header: header, Data: m.Data}}, back: true, after: rest}
}
