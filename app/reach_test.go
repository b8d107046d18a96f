package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

func TestReach_shows_no_credentials(t *testing.T) {
	require.Equal(t, "public addresses only", reach{}.String())
	p, err := useragent.ParseProxy("http://me:secret@proxy:3128")
	require.NoError(t, err)
	require.Equal(t, "public addresses and 10.0.0.0/8, ::1; through http://proxy:3128", reach{allow: []string{"10.0.0.0/8", "::1"}, proxy: p}.String())
}
