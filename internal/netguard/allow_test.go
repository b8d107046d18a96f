package netguard_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/netguard"
)

func TestParseAllow_reads_networks_and_addresses(t *testing.T) {
	got, err := netguard.ParseAllow([]string{"10.0.0.0/8", " 127.0.0.1 ", "127.0.0.1/8", "::1", "::ffff:10.1.1.1", "::ffff:10.0.0.0/104", "fe80::1%eth0", "::/0"})
	require.NoError(t, err)
	want := []string{"10.0.0.0/8", "127.0.0.1/32", "127.0.0.0/8", "::1/128", "10.1.1.1/32", "10.0.0.0/8", "fe80::1/128", "::/0"}
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, netip.MustParsePrefix(want[i]), got[i])
	}
	got, err = netguard.ParseAllow(nil)
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestParseAllow_names_every_fault(t *testing.T) {
	_, err := netguard.ParseAllow([]string{"localhost", "10.0.0.0/33", "10.0.0.0/8", "", "::ffff:0:0/64"})
	require.ErrorContains(t, err, `allowed network "localhost": neither an IP address nor a network`)
	require.ErrorContains(t, err, `allowed network "10.0.0.0/33": not a network: write it as CIDR`)
	require.ErrorContains(t, err, `allowed network "": neither`)
	require.ErrorContains(t, err, `allowed network "::ffff:0:0/64": `)
}

func FuzzParseAllow(f *testing.F) {
	for _, s := range []string{"127.0.0.1", "10.0.0.0/8", "::1/128", "::ffff:1.2.3.4/100", "fe80::1%eth0", "fe80::%x/64", "64:ff9b::/96", "2002::/15", "/", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		allow, err := netguard.ParseAllow([]string{s})
		if err != nil {
			return
		}
		g, err := netguard.New(allow, nil)
		require.NoError(t, err)
		if err := g.Check(netip.AddrPortFrom(allow[0].Addr(), 80)); err != nil {
			require.ErrorContains(t, err, "it is translated to", "what is allowed can be reached")
		}
	})
}
