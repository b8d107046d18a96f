package politeness

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// kind is what a message says.
type kind string

const (
	kindHere   kind = "here"   // the sender is there
	kindLeave  kind = "leave"  // the sender has ended
	kindPause  kind = "pause"  // a host has said that it is too much
	kindOpen   kind = "open"   // a host has not answered
	kindClosed kind = "closed" // a host answers again
)

// message is what fetchers tell each other. It is sent to who is there and kept nowhere, so its form may change between versions; a
// fetcher ignores what it does not understand.
type message struct {
	From     string   `json:"from"`
	Kind     kind     `json:"kind"`
	Held     []uint64 `json:"held,omitempty"` // here: hashes of hosts that the sender has more than its share of under way
	All      bool     `json:"all,omitempty"`  // here: so many of them that they are not listed
	Host     string   `json:"host,omitempty"`
	MS       int64    `json:"ms,omitempty"` // how long, in milliseconds: clocks differ
	Failures int      `json:"failures,omitempty"`
	Last     string   `json:"last,omitempty"`
}

const (
	maxMessage  = 64 << 10 // bytes
	maxID       = 64       // bytes
	maxFailures = 1 << 30
)

func (m message) encode() []byte {
	data, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("politeness: message cannot be encoded: %v", err)) // strings and numbers always can
	}
	return data
}

// decode reads a message and refuses what no fetcher sends.
func decode(data []byte) (message, error) {
	var m message
	if len(data) > maxMessage {
		return m, fmt.Errorf("%w: %d bytes are more than %d", errMessage, len(data), maxMessage)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%w: %w", errMessage, err)
	}
	switch m.Kind {
	case kindHere, kindLeave:
		m.Host = ""
	case kindPause, kindOpen, kindClosed:
		if !validHost(m.Host) {
			return m, fmt.Errorf("%w: %.80q is not a host", errMessage, m.Host)
		}
	default:
		return m, fmt.Errorf("%w: unknown kind %.80q", errMessage, m.Kind)
	}
	switch {
	case !validID(m.From):
		return m, fmt.Errorf("%w: %.80q is not the id of a fetcher", errMessage, m.From)
	case len(m.Held) > maxHeld:
		return m, fmt.Errorf("%w: %d hosts are more than %d", errMessage, len(m.Held), maxHeld)
	case m.MS < 0 || m.MS > (24*time.Hour).Milliseconds():
		return m, fmt.Errorf("%w: %d ms is no time to wait", errMessage, m.MS)
	case m.Failures < 0 || m.Failures > maxFailures:
		return m, fmt.Errorf("%w: %d failures", errMessage, m.Failures)
	}
	m.Last = oneLine(m.Last)
	return m, nil
}

func validID(s string) bool {
	return s != "" && len(s) <= maxID && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
