package uptime

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Secret proves that a check was ordered by somebody who knows this database. The ids of past checks, which everybody sees, tell nothing
// about those of checks to come.
type Secret []byte

// Check is the id of the check of a target that is due at an instant.
func (s Secret) Check(t *Target, at Instant, recheck bool) events.CheckID {
	c := events.CheckID{Target: t.Num, At: int64(at), Recheck: recheck}
	c.Proof = s.proof(t, c)
	return c
}

// Ordered tells whether a check is one of a target as it is now.
func (s Secret) Ordered(t *Target, c events.CheckID) bool {
	proof := s.proof(t, c)
	return c.Target == t.Num && hmac.Equal(c.Proof[:], proof[:])
}

func (s Secret) proof(t *Target, c events.CheckID) (proof [6]byte) {
	var about [21]byte
	binary.BigEndian.PutUint32(about[:4], c.Target)
	binary.BigEndian.PutUint64(about[4:12], uint64(c.At))
	binary.BigEndian.PutUint64(about[12:20], uint64(t.Revision))
	if c.Recheck {
		about[20] = 1
	}
	h := hmac.New(sha256.New, s)
	h.Write(about[:]) // a hash never fails
	copy(proof[:], h.Sum(nil))
	return proof
}
