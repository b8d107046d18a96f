package outlet

import (
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Message is what is sent at once: a notice, or several in a digest.
type Message struct {
	ID      string           // the same each time it is sent: of one notice its own
	Notices []*events.Notice // at least one; of a digest, in the order of their times
	Subject string           // one line
	Text    string
	At      time.Time // when the first of its notices was decided
}

// Digest tells whether the message stands for several notices.
func (m Message) Digest() bool { return len(m.Notices) > 1 }
