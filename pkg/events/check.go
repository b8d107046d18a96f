package events

import (
	"encoding/binary"
	"strings"
	"time"
)

// CheckID says which check of which target an item is. It is the item's id, so it survives every stage, and a result leads back to its
// target whoever has made it.
type CheckID struct {
	Target  uint32 // the number of the target in the sink's database
	At      int64  // when it was due, in milliseconds since 1970: the place of the check in the order of all checks of its target
	Recheck bool   // it was made between the regular ones
	// Proof is what only the sink can reckon. Without it anybody who may submit work could have his own answers taken for those of checks.
	Proof [6]byte
}

// Checks have this letter, the other kinds of ids have others.
const checkLetter = "c"

// keyCheck begins the idempotency keys of checks. What follows is the id of the item.
const keyCheck = "uptime."

// String is the id of the check's item.
func (c CheckID) String() string {
	// 4 bytes for the target, 6 for when, 6 for the proof.
	var b [16]byte
	binary.BigEndian.PutUint32(b[:4], c.Target)
	copy(b[4:10], sixBytes(uint64(c.At)<<1|recheckBit(c.Recheck)))
	copy(b[10:], c.Proof[:])
	return checkLetter + idEncoding.EncodeToString(b[:])
}

// Key is the Nats-Msg-Id with which the check is submitted: the same whoever submits it, and however often.
func (c CheckID) Key() string { return keyCheck + c.String() }

// Time is when the check was due.
func (c CheckID) Time() time.Time { return time.UnixMilli(c.At).UTC() }

// ParseCheckID reads the id of an item, and tells whether it is that of a check. Whether there is such a target, and whether the
// proof is right, is for the sink to judge.
func ParseCheckID(id string) (CheckID, bool) {
	text, ok := strings.CutPrefix(id, checkLetter)
	if !ok || len(text) != 26 {
		return CheckID{}, false
	}
	b, err := idEncoding.DecodeString(text)
	if err != nil || len(b) != 16 {
		return CheckID{}, false
	}
	when := binary.BigEndian.Uint64(append([]byte{0, 0}, b[4:10]...))
	c := CheckID{Target: binary.BigEndian.Uint32(b[:4]), At: int64(when >> 1), Recheck: when&1 == 1}
	copy(c.Proof[:], b[10:])
	return c, c.String() == id // the last letter has bits to spare
}

// checkOfKey returns the item's id if a key is that of a check.
func checkOfKey(key string) (string, bool) {
	id, ok := strings.CutPrefix(key, keyCheck)
	if !ok {
		return "", false
	}
	_, ok = ParseCheckID(id)
	return id, ok
}

func sixBytes(n uint64) []byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	return b[2:]
}

func recheckBit(recheck bool) uint64 {
	if recheck {
		return 1
	}
	return 0
}
