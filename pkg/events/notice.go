package events

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// NoticeKind is what a notice is about. Readers must bear kinds that they do not know: later versions may add some.
type NoticeKind string

// The kinds of this version.
const (
	NoticeDown        NoticeKind = "down"         // a target does not answer as it should
	NoticeStillDown   NoticeKind = "still_down"   // a reminder of that
	NoticeResolved    NoticeKind = "resolved"     // a target answers again
	NoticeFlapping    NoticeKind = "flapping"     // a target goes down and up too often to tell of each time
	NoticeCertificate NoticeKind = "certificate"  // a certificate expires soon
	NoticeOutage      NoticeKind = "outage"       // nothing can be reached: the fault is on our side
	NoticeOutageOver  NoticeKind = "outage_over"  // and its end
	NoticeBatchDone   NoticeKind = "batch_done"   // a batch has ended
	NoticeDeadLetters NoticeKind = "dead_letters" // more dead letters than there should be
	NoticeTest        NoticeKind = "test"         // somebody tries a channel
)

// NoticeKinds lists the kinds of this version.
func NoticeKinds() []NoticeKind {
	return []NoticeKind{
		NoticeDown, NoticeStillDown, NoticeResolved, NoticeFlapping, NoticeCertificate, NoticeOutage, NoticeOutageOver,
		NoticeBatchDone, NoticeDeadLetters, NoticeTest,
	}
}

// Notice is something that a person should be told, on one channel. What concerns several channels is a notice for each.
// Its texts are for people, and its facts are for templates and for programs that receive it; no secret is in it.
type Notice struct {
	ID         string            `json:"id"` // the same whenever it is about the same: NoticeID makes it
	Kind       NoticeKind        `json:"kind"`
	Channel    string            `json:"channel"`               // a name of the operator's file of channels
	What       string            `json:"what"`                  // the target or the batch
	Group      string            `json:"group,omitempty"`       // that the target belongs to
	Owner      string            `json:"owner,omitempty"`       // of the target
	URL        string            `json:"url,omitempty"`         // of the target
	Cause      string            `json:"cause,omitempty"`       // such as "status 503"
	Since      time.Time         `json:"since,omitzero"`        // when the state began that the notice tells of
	DurationMS int64             `json:"duration_ms,omitempty"` // how long it has lasted so far, or with resolved: how long it did
	Facts      map[string]string `json:"facts,omitempty"`       // by names such as "status"
	At         time.Time         `json:"at"`                    // when it was decided to tell
}

// Duration is how long the state has lasted.
func (n *Notice) Duration() time.Duration { return time.Duration(n.DurationMS) * time.Millisecond }

// NoticeID makes a notice's id of what makes it different from all others: channel and kind, and for example the target and the time
// at which its incident began. Whoever comes to the same decision twice, or on two machines, makes one notice of it.
func NoticeID(channel string, kind NoticeKind, about ...string) string {
	h := sha256.New()
	for _, part := range append([]string{channel, string(kind)}, about...) {
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part)) // a hash never fails
	}
	return "n" + idEncoding.EncodeToString(h.Sum(nil)[:16])
}

// Encode writes the notice as JSON.
func (n *Notice) Encode() ([]byte, error) {
	if err := n.Validate(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(n)
	if err != nil { // a time that cannot be written
		return nil, fmt.Errorf("%w: notice %s: %w", ErrRecord, n.ID, err)
	}
	return data, nil
}

var (
	noticeIDRE   = regexp.MustCompile(`^[!-~]{1,256}$`)
	noticeKindRE = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
)

// Validate finds what a notice cannot be sent with. Its errors wrap ErrRecord.
func (n *Notice) Validate() error {
	switch {
	case !noticeIDRE.MatchString(n.ID):
		return fmt.Errorf("%w: notice: id %.80q: use 1 to 256 visible ASCII characters", ErrRecord, n.ID)
	case !noticeKindRE.MatchString(string(n.Kind)):
		return fmt.Errorf("%w: notice %s: kind %.80q: use 1 to 64 of a-z, 0-9 and '_', starting with a letter", ErrRecord, n.ID, n.Kind)
	case ValidName(n.Channel) != nil:
		return fmt.Errorf("%w: notice %s: channel: %w", ErrRecord, n.ID, ValidName(n.Channel))
	case n.What == "":
		return fmt.Errorf("%w: notice %s does not say what it is about", ErrRecord, n.ID)
	case n.At.IsZero():
		return fmt.Errorf("%w: notice %s has no time", ErrRecord, n.ID)
	case n.DurationMS < 0:
		return fmt.Errorf("%w: notice %s has a negative duration", ErrRecord, n.ID)
	}
	return nil
}

// DecodeNotice reads a notice from the data of a message between services. Its errors wrap ErrRecord.
func DecodeNotice(data []byte) (*Notice, error) {
	var n Notice
	if err := json.Unmarshal(data, &n); err != nil {
		return nil, fmt.Errorf("%w: notice: %w", ErrRecord, err)
	}
	if err := n.Validate(); err != nil {
		return nil, err
	}
	return &n, nil
}
