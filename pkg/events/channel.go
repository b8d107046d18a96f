package events

import "time"

// Requests that sinks answer about the channels that notices are sent on.
const (
	// SubjectChannelList is answered by every sink, with a ChannelList.
	SubjectChannelList = PrefixChannel + "list"
	// SubjectChannelTest is answered by one of them: JSON of a ChannelTest in, a ChannelTested out.
	SubjectChannelTest = PrefixChannel + "test"
)

// ChannelList is how the channels of a sink are doing.
type ChannelList struct {
	Channels []ChannelStatus `json:"channels"`
}

// ChannelStatus is how a channel is doing, as one sink has seen it since its start.
type ChannelStatus struct {
	Channel    string    `json:"channel"`
	Kind       string    `json:"kind"`                   // email, webhook or shoutrrr
	Waiting    uint64    `json:"waiting"`                // notices that are not sent yet, for all sinks together
	Sent       int64     `json:"sent"`                   // notices
	LastSent   time.Time `json:"last_sent,omitzero"`     //
	LastFailed time.Time `json:"last_failed,omitzero"`   //
	LastError  string    `json:"last_error,omitempty"`   // of the last failure
	Resting    time.Time `json:"resting_until,omitzero"` // when the next attempt may be made, after a failure
}

// ChannelTest asks for a test message on a channel. It is sent at once, whatever else waits for the channel, and not tried again.
type ChannelTest struct {
	Channel string `json:"channel"`
	By      string `json:"by,omitempty"` // who asks, for the message
}

// ChannelTested is the answer when the message was taken; a Problem tells why it was not.
type ChannelTested struct {
	Channel string `json:"channel"`
	Kind    string `json:"kind"`
	TookMS  int64  `json:"took_ms"`
}
