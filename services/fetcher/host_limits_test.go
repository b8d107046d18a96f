package fetcher

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/services/fetcher/politeness"
)

func TestHostLimits(t *testing.T) {
	public := politeness.Limit{Concurrency: 32, Rate: 5}
	limits := HostLimits(public, []netip.Prefix{
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8"),
	})
	for host, own := range map[string]bool{
		"example.com:443": false, "192.0.2.1:80": false, "[2001:db8::1]:80": false, "10.2.0.1:80": false, "mylocalhost:80": false,
		"odd": false, "127.0.0.1:8080": true, "localhost:8080": true, "a.localhost:8080": true, "10.1.2.3:80": true,
		"[fd00::1]:443": true, "[fd00::1%eth0]:443": true,
	} {
		if own {
			require.Zero(t, limits(host).Concurrency+int(limits(host).Rate), host)
		} else {
			require.Equal(t, public, limits(host), host)
		}
	}
	require.Equal(t, public, HostLimits(public, nil)("localhost:80"), "nothing is his own where nothing is allowed")
}
