package stage

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValidOpName(t *testing.T) {
	for _, name := range []string{"hash", "http.get", "a-b.c_d.E9", "0"} {
		require.True(t, validOpName(name), name)
	}
	for _, name := range []string{"", ".", "a.", ".a", "a..b", "a b", "a.*", ">", "ä", "a\x00"} {
		require.False(t, validOpName(name), name)
	}
}
