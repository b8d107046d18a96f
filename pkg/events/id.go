package events

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"regexp"
	"time"
)

// base32hex keeps the order of the bytes, so ids made from times sort by time (RFC 4648 section 7).
var idEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// IDFromKey derives an item's id from the submitter's idempotency key (Nats-Msg-Id, or source and id of a CloudEvent):
// the same key gives the same id, for ever, so the same work is counted once. The key of a check has its id in it.
func IDFromKey(key string) string {
	if id, ok := checkOfKey(key); ok {
		return id
	}
	sum := sha256.Sum256([]byte(key))
	return "k" + idEncoding.EncodeToString(sum[:16])
}

// IDFromSequence derives an item's id from its place in the stream, for items without a key. The time of storing
// is part of it because sequences start again at 1 when a stream is made anew.
func IDFromSequence(seq uint64, stored time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(stored.UnixNano()))
	binary.BigEndian.PutUint64(b[8:], seq)
	return "s" + idEncoding.EncodeToString(b[:])
}

// NewID makes a new id for an item that has neither key nor place in a stream. Such ids sort by the time they were made.
func NewID(now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixNano()))
	_, _ = rand.Read(b[8:]) // never fails since Go 1.24
	return "r" + idEncoding.EncodeToString(b[:])
}

var idRE = regexp.MustCompile(`^[cksr][0-9A-V]{26}$`)

// IsID tells whether s is an id as it is made here. Workers in other languages may make their own.
func IsID(s string) bool { return idRE.MatchString(s) }

// MsgID is the Nats-Msg-Id of what is published about an item on its way to a stage. It depends on nothing but the
// item and the stage, so a crash between publish and ack leads to a duplicate that the broker recognises.
func MsgID(id string, to Stage) string { return id + "." + string(to) }
