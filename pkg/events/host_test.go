package events_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestResultHost(t *testing.T) {
	for _, row := range []struct{ key, fetched, host string }{
		{"https://User:pw@API.example.com:8443/x?y#z", "https://elsewhere.example.com/", "api.example.com"},
		{"http://[2001:DB8::1]:80/", "", "2001:db8::1"},
		{"AAPL", "https://api.example.com/v1/AAPL", "api.example.com"},
		{"AAPL", "", ""},
		{"://", "", ""},
		{"http://%zz/", "", ""},
		{"see http://example.com/", "", ""},
	} {
		r := events.Result{Key: row.key, Fetch: &events.FetchFacts{URL: row.fetched}}
		require.Equal(t, row.host, r.Host(), row.key)
	}
	require.Empty(t, (&events.Result{Key: "x"}).Host())
}
