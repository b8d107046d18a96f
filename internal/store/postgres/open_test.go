package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/store/driver"
)

func TestOpenTellsNoPassword(t *testing.T) {
	for name, url := range map[string]string{
		"that is unreadable":           "postgres://user:sec%ret@127.0.0.1/x",
		"with a port that is none":     "postgres://user:secret@127.0.0.1:port/x",
		"with an sslmode that is none": "postgres://user:secret@127.0.0.1/x?sslmode=sure",
		"with the password twice":      "postgres://user:secret@127.0.0.1:1/x?password=secret&sslpassword=secret",
		"of a server that is away":     "postgres://user:secret@127.0.0.1:1/x?connect_timeout=5",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), url, Options{Readers: 1})
			require.Error(t, err)
			require.NotRegexp(t, "sec.?ret", err.Error())
		})
	}
	_, err := Open(t.Context(), "postgres://user:secret@127.0.0.1/x?sslmode=sure", Options{Readers: 1})
	require.ErrorIs(t, err, driver.ErrURL)
	require.ErrorContains(t, err, "its sslmode is none of")
}
