package modules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Prefix stands before the hash of a module where a name could stand.
const Prefix = "sha256:"

// ParseRef reads what an item or a person calls a module: a name, or Prefix and the hash. One of the two results is empty.
func ParseRef(ref string) (name, hash string, err error) {
	digits, isHash := strings.CutPrefix(ref, Prefix)
	switch {
	case isHash && !validHash(digits):
		return "", "", fmt.Errorf("%w: %.100q: after %q stand the %d hexadecimal digits of the hash, in lower case", ErrName, ref, Prefix, 2*sha256.Size)
	case isHash:
		return "", digits, nil
	case events.ValidName(ref) != nil:
		return "", "", fmt.Errorf("%w: %.100q: use 1 to 64 of a-z, 0-9, '-' and '_', starting with a letter or a digit; or %s and the hash", ErrName, ref, Prefix)
	}
	return ref, "", nil
}

func validHash(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == sha256.Size && strings.ToLower(s) == s
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
