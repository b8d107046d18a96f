package netguard_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/netguard"
)

func guard(t *testing.T, allow []string, own ...string) *netguard.Guard {
	t.Helper()
	prefixes, err := netguard.ParseAllow(allow)
	require.NoError(t, err)
	var addrs []netip.AddrPort
	for _, o := range own {
		addrs = append(addrs, netip.MustParseAddrPort(o))
	}
	g, err := netguard.New(prefixes, addrs)
	require.NoError(t, err)
	return g
}

func TestGuard_refuses_every_address_that_is_not_public(t *testing.T) {
	g := guard(t, nil)
	for _, addr := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.255.255.254",
		"169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1",
		"192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9",
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
		"::", "::1", "::7f00:1", "::127.0.0.1", // IPv4-compatible
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:168.63.129.16", "::ffff:0.0.0.0", // IPv4-mapped
		"::ffff:0:7f00:1",                                          // IPv4-translated
		"64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::7f00:1", // NAT64
		"2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1", // 6to4
		"2001:0:4136:e378:8000:63bf:3fff:fdd2",                       // Teredo
		"2001:db8::1", "2001:2::1", "2001:10::1", "3fff::1", "100::", // documentation, benchmarking, ORCHID, discard
		"fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "::1%lo", "fec0::1", "ff02::1", "ff0e::1", "4000::1", "fd00:ec2::254",
	} {
		t.Run(addr, func(t *testing.T) {
			err := g.Control("tcp", net.JoinHostPort(addr, "80"), nil)
			require.ErrorIs(t, err, netguard.ErrRefused)
			refused, ok := errors.AsType[*netguard.RefusedError](err)
			require.True(t, ok)
			require.NotEmpty(t, refused.Rule)

			remedy := netip.PrefixFrom(refused.Addr.Addr(), refused.Addr.Addr().BitLen()).String()
			require.True(t, strings.HasSuffix(err.Error(), " --allow-net "+remedy), err)
			again := guard(t, []string{remedy})
			require.NoError(t, again.Control("tcp", net.JoinHostPort(addr, "80"), nil), "the remedy helps")
		})
	}
}

func TestGuard_lets_public_addresses_through_at_any_port(t *testing.T) {
	g := guard(t, nil)
	for _, addr := range []string{
		"1.1.1.1:443", "8.8.8.8:53", "9.255.255.255:80", "11.0.0.1:8080", "100.63.255.255:1", "100.128.0.1:65535", "126.255.255.255:80",
		"128.0.0.1:80", "168.63.129.15:80", "168.63.129.17:80", "172.15.255.255:80", "172.32.0.1:80", "192.167.255.255:80", "223.255.255.255:22",
		"[::ffff:8.8.8.8]:80", "[2606:4700:4700::1111]:443", "[2a00:1450:4001:80b::200e]:8080", "[2001:4860:4860::8888]:53",
	} {
		require.NoError(t, g.Control("tcp", addr, nil), addr)
		require.NoError(t, g.Control("udp4", addr, nil), addr)
	}
}

func TestGuard_says_what_was_refused_and_what_to_do(t *testing.T) {
	err := guard(t, nil).Control("tcp4", "127.0.0.1:8080", nil)
	require.EqualError(t, err, "network guard: refused to connect to 127.0.0.1:8080: loopback address (127.0.0.0/8); "+
		"to allow it, start the fetcher (or `fetchmill up`) with --allow-net 127.0.0.1/32")
	require.ErrorContains(t, guard(t, nil).Control("tcp", "[fe80::1%eth0]:80", nil),
		"[fe80::1]:80: link-local address (outside of 2000::/3); to allow it, start the fetcher (or `fetchmill up`) with --allow-net fe80::1/128")
	require.ErrorContains(t, guard(t, nil).Control("tcp", "168.63.129.16:80", nil), "(168.63.129.16/32)")
}

func TestGuard_refuses_what_is_not_an_address(t *testing.T) {
	g := guard(t, []string{"0.0.0.0/0", "::/0"})
	for _, c := range [][2]string{
		{"unix", "/run/docker.sock"},
		{"ip4:icmp", "8.8.8.8"},
		{"tcp", "localhost:80"},
		{"tcp", "127.0.0.1"},
		{"tcp", ""},
		{"tcp", "2130706433:80"},
		{"tcp", "0x7f.1:80"},
	} {
		require.ErrorIs(t, g.Control(c[0], c[1], nil), netguard.ErrRefused, c)
	}
}

func TestGuard_allows_what_the_operator_names_and_no_more(t *testing.T) {
	g := guard(t, []string{"127.0.0.1", "10.1.2.3/16", "fd00::/8", "::ffff:192.168.7.0/120", "64:ff9b::/96"})
	for _, addr := range []string{
		"127.0.0.1:80", "[::ffff:127.0.0.1]:80", "10.1.255.255:80", "[fd12::1]:80", "[fd12::1%eth0]:80", "192.168.7.9:1", "[64:ff9b::808:808]:80",
	} {
		require.NoError(t, g.Control("tcp", addr, nil), addr)
	}
	for _, addr := range []string{"127.0.0.2:80", "10.2.0.1:80", "[fc00::1]:80", "192.168.8.1:1", "[::1]:80", "[2002:7f00:1::]:80"} {
		require.ErrorIs(t, g.Control("tcp", addr, nil), netguard.ErrRefused, addr)
	}
}

func TestGuard_judges_what_an_allowed_translator_would_reach(t *testing.T) {
	g := guard(t, []string{"64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "10.1.0.0/16"})
	for _, addr := range []string{"64:ff9b::808:808", "64:ff9b:1::808:808", "64:ff9b:1:2::808:808", "2002:808:808::1", "64:ff9b::a01:203", "2002:a01:203::1"} {
		require.NoError(t, g.Control("tcp", net.JoinHostPort(addr, "80"), nil), addr)
	}
	for addr, v4 := range map[string]string{
		"64:ff9b::7f00:1": "127.0.0.1", "64:ff9b::a9fe:a9fe": "169.254.169.254", "64:ff9b::a83f:8110": "168.63.129.16", "64:ff9b:1::a00:1": "10.0.0.1",
		"64:ff9b:1:7::a00:1": "10.0.0.1", "2002:7f00:1::": "127.0.0.1", "2002:c0a8:101::5": "192.168.1.1",
	} {
		err := g.Control("tcp", net.JoinHostPort(addr, "80"), nil)
		require.ErrorIs(t, err, netguard.ErrRefused, addr)
		require.ErrorContains(t, err, "it is translated to "+v4+", ")
		_, remedy, _ := strings.Cut(err.Error(), " --allow-net ")
		again := guard(t, []string{"64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", remedy})
		require.NoError(t, again.Control("tcp", net.JoinHostPort(addr, "80"), nil), "the remedy helps")
	}
	all := guard(t, []string{"0.0.0.0/0", "::/0"})
	require.NoError(t, all.Control("tcp", "[64:ff9b::7f00:1]:80", nil))
}

func TestGuard_refuses_its_own_addresses_whatever_is_allowed(t *testing.T) {
	g := guard(t, []string{"0.0.0.0/0", "::/0"}, "127.0.0.1:4222", "[::ffff:10.0.0.9]:0", "[::1]:4222", "8.8.8.8:4222")
	for _, addr := range []string{
		"127.0.0.1:4222", "[::ffff:127.0.0.1]:4222", "0.0.0.0:4222", "[::]:4222", "[::1%lo]:4222", "10.0.0.9:1", "10.0.0.9:65535",
		"[64:ff9b::7f00:1]:4222", "[2002:7f00:1::]:4222", "8.8.8.8:4222",
	} {
		err := g.Control("tcp", addr, nil)
		require.ErrorIs(t, err, netguard.ErrRefused, addr)
		require.NotContains(t, err.Error(), "--allow-net", "nothing allows an own address")
	}
	for _, addr := range []string{"127.0.0.1:4223", "127.0.0.2:4222", "10.0.0.8:1", "8.8.8.8:80"} {
		require.NoError(t, g.Control("tcp", addr, nil), addr)
	}
}

func TestGuard_takes_an_unspecified_own_address_for_all_of_the_machine(t *testing.T) {
	g := guard(t, []string{"0.0.0.0/0", "::/0"}, "0.0.0.0:4222")
	machine, err := net.InterfaceAddrs()
	require.NoError(t, err)
	targets := []string{"127.0.0.1:4222", "127.0.0.77:4222", "0.0.0.0:4222", "[::1]:4222"}
	for _, a := range machine {
		targets = append(targets, net.JoinHostPort(a.(*net.IPNet).IP.String(), "4222"))
	}
	for _, addr := range targets {
		require.ErrorIs(t, g.Control("tcp", addr, nil), netguard.ErrRefused, addr)
	}
	require.NoError(t, g.Control("tcp", "127.0.0.1:4223", nil))
}

func TestNew_refuses_invalid_values(t *testing.T) {
	_, err := netguard.New([]netip.Prefix{{}}, nil)
	require.Error(t, err)
	_, err = netguard.New(nil, []netip.AddrPort{{}})
	require.Error(t, err)
}

func TestGuard_in_a_dialer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	dial := func(g *netguard.Guard, addr string) error {
		c, err := (&net.Dialer{Control: g.Control}).DialContext(context.Background(), "tcp", addr)
		if err == nil {
			c.Close()
		}
		return err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)

	require.ErrorIs(t, dial(guard(t, nil), l.Addr().String()), netguard.ErrRefused)
	require.ErrorIs(t, dial(guard(t, nil), "localhost:"+port), netguard.ErrRefused, "a name is judged by what it resolves to")
	require.NoError(t, dial(guard(t, []string{"127.0.0.1/32"}), l.Addr().String()))
	require.ErrorIs(t, dial(guard(t, []string{"127.0.0.0/8"}, l.Addr().String()), l.Addr().String()), netguard.ErrRefused)
	require.ErrorIs(t, dial(guard(t, []string{"0.0.0.0/0", "::/0"}, l.Addr().String()), "0.0.0.0:"+port), netguard.ErrRefused)
}
