package fetcher

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/internal/dnstest"
)

// withNames makes a Network whose name server knows a zone only.
func withNames(t testing.TB, zone dnstest.Zone) *Network {
	t.Helper()
	s := dnstest.New(t, zone.Reply)
	return network(t, func(c *NetConfig) { c.HTTP.Resolver = cached(t, s) })
}

type records = []dnsmessage.ResourceBody

// answers are those of a look-up that must succeed, in JSON.
func answers(t *testing.T, n *Network, name, kind string) string {
	t.Helper()
	out, err := run(t.Context(), t, n, "dns.lookup", args{"name": name, "type": kind})
	require.NoError(t, err)
	var v struct {
		Answers json.RawMessage
		Type    string
	}
	require.NoError(t, json.Unmarshal(out.Value, &v))
	require.Equal(t, strings.ToUpper(kind), v.Type)
	return string(v.Answers)
}

func TestLookup_tells_the_records_of_each_type_in_order(t *testing.T) {
	n := withNames(t, dnstest.Zone{
		"site.test.": {
			dnstest.Address("9.9.9.9"), dnstest.Address("2606:4700::2"), dnstest.Address("8.8.8.8"), dnstest.Address("9.9.9.9"), dnstest.Address("2606:4700::1"),
			dnstest.Mail(20, "b.test."), dnstest.Mail(10, "z.test."), dnstest.Mail(20, "a.test."),
			dnstest.Delegate("ns2.test."), dnstest.Delegate("ns1.test."),
			dnstest.Text("v=spf1 ", "-all"), dnstest.Text("a\xffb"),
		},
		"www.test.": {dnstest.Alias("site.test.")},
		"_sip._tcp.test.": {
			dnstest.Service(2, 0, 5060, "late.test."), dnstest.Service(1, 10, 5060, "small.test."), dnstest.Service(1, 60, 5060, "big.test."),
		},
		"null.test.":                     {dnstest.Mail(0, ".")},
		"8.8.8.8.in-addr.arpa.":          {dnstest.Pointer("dns.test."), dnstest.Pointer("b.test.")},
		"xn--bcher-kva.test.":            {dnstest.Address("1.1.1.1")},
		"xn--bcher-kva._tcp.test.":       {dnstest.Text("text")},
		strings.Repeat("a.", 126) + "b.": {dnstest.Address("1.1.1.1")},
		"1.0.0.0" + strings.Repeat(".0", 20) + ".0.0.7.4.6.0.6.2.ip6.arpa.": {dnstest.Pointer("six.test.")},
	})
	for _, c := range []struct{ name, kind, want string }{
		{"site.test", "A", `["8.8.8.8","9.9.9.9"]`},
		{"SITE.test.", "a", `["8.8.8.8","9.9.9.9"]`},
		{"site.test", "AAAA", `["2606:4700::1","2606:4700::2"]`},
		{"site.test", "A+AAAA", `["8.8.8.8","9.9.9.9","2606:4700::1","2606:4700::2"]`},
		{"www.test", "A", `["8.8.8.8","9.9.9.9"]`},
		{"www.test", "CNAME", `["site.test"]`},
		{"site.test", "CNAME", `["site.test"]`},
		{"site.test", "MX", `[{"host":"z.test","preference":10},{"host":"a.test","preference":20},{"host":"b.test","preference":20}]`},
		{"null.test", "MX", `[{"host":".","preference":0}]`},
		{"site.test", "NS", `["ns1.test","ns2.test"]`},
		{"site.test", "TXT", `["a?b","v=spf1 -all"]`},
		{"_sip._tcp.test", "SRV", `[{"target":"big.test","port":5060,"priority":1,"weight":60},` +
			`{"target":"small.test","port":5060,"priority":1,"weight":10},{"target":"late.test","port":5060,"priority":2,"weight":0}]`},
		{"8.8.8.8", "PTR", `["b.test","dns.test"]`},
		{"::ffff:8.8.8.8", "PTR", `["b.test","dns.test"]`},
		{"2606:4700::1", "PTR", `["six.test"]`},
		{"bücher.test", "A", `["1.1.1.1"]`},
		{"Bücher._tcp.test", "TXT", `["text"]`},
		{strings.Repeat("a.", 126) + "b", "A", `["1.1.1.1"]`},
	} {
		require.Equal(t, c.want, answers(t, n, c.name, c.kind), c.name+" "+c.kind)
	}
}

func TestLookup_writes_its_value_as_promised(t *testing.T) {
	n := withNames(t, dnstest.Zone{"site.test.": {dnstest.Address("8.8.8.8")}})
	out, err := run(t.Context(), t, n, "dns.lookup", args{"name": "Site.test."})
	require.NoError(t, err)
	require.Regexp(t, `^\{"name":"Site.test","type":"A\+AAAA","answers":\["8.8.8.8"\],"elapsed_ms":[0-9.]+\}$`, string(out.Value))
	require.Positive(t, out.Fetch.ElapsedMS)
	require.Nil(t, out.Body)
}

func TestLookup_knows_the_hosts_file(t *testing.T) {
	n := withNames(t, dnstest.Zone{})
	require.Equal(t, `["127.0.0.1"]`, answers(t, n, "localhost", "A"))
}

func TestLookup_tells_that_there_is_nothing(t *testing.T) {
	n := withNames(t, dnstest.Zone{"empty.test.": {}, "loop.test.": {dnstest.Alias("nowhere.test.")}, "mapped.test.": {dnstest.Address("::ffff:8.8.8.8")}})
	for _, c := range []struct{ name, kind string }{
		{"missing.test", "A"},
		{"missing.test", "A+AAAA"},
		{"missing.test", "MX"},
		{"missing.test", "TXT"},
		{"missing.test", "NS"},
		{"missing.test", "SRV"},
		{"missing.test", "CNAME"},
		{"9.9.9.9", "PTR"},
		{"empty.test", "A"},
		{"empty.test", "MX"},
		{"loop.test", "TXT"},
		{"127.1", "A"},
		{"-.test", "A"},
		{"mapped.test", "AAAA"},
	} {
		out, err := run(t.Context(), t, n, "dns.lookup", args{"name": c.name, "type": c.kind})
		fails(t, err, events.ReasonDNS, false)
		require.Regexp(t, `^\{"name":"`+c.name+`","type":"[A+]*[A-Z]+","answers":\[\],"elapsed_ms":[0-9.]+\}$`, string(out.Value))
		require.NotNil(t, out.Fetch)
	}
}

func TestLookup_knows_nothing_when_the_name_server_fails(t *testing.T) {
	n := withNames(t, dnstest.Zone{"failing.test.": dnstest.Failing(), "silent.test.": dnstest.Silent()})
	for _, kind := range []string{"A", "A+AAAA", "MX", "CNAME", "TXT"} {
		out, err := run(t.Context(), t, n, "dns.lookup", args{"name": "failing.test", "type": kind})
		fails(t, err, events.ReasonDNS, true)
		require.Nil(t, out.Value)
	}
	out, err := run(soon(t, 50*time.Millisecond), t, n, "dns.lookup", args{"name": "silent.test"})
	fails(t, err, events.ReasonTimeout, true)
	require.Nil(t, out.Value)
}

func TestLookup_is_called_off_without_a_verdict(t *testing.T) {
	asked := make(chan struct{}, 10)
	s := dnstest.New(t, func(dnsmessage.Message, string) []byte { asked <- struct{}{}; return nil })
	n := network(t, func(c *NetConfig) { c.HTTP.Resolver = cached(t, s) })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	out, err := run(ctx, t, n, "dns.lookup", args{"name": "site.test", "type": "A"})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorAs(t, err, new(*ops.Failure))
	require.Nil(t, out.Value)
}

func TestLookup_gives_no_address_away_that_the_guard_would_refuse(t *testing.T) {
	n := withNames(t, dnstest.Zone{
		"inside.test.":            {dnstest.Address("10.1.2.3")},
		"half.test.":              {dnstest.Address("8.8.8.8"), dnstest.Address("10.1.2.3")},
		"six.test.":               {dnstest.Address("fd00::12")},
		"mapped.test.":            {dnstest.Address("::ffff:10.1.2.3")},
		"alias.test.":             {dnstest.Alias("inside.test.")},
		"mine.test.":              {dnstest.Address("127.0.0.1")},
		"3.2.1.10.in-addr.arpa.":  {dnstest.Pointer("secret.test.")},
		"1.0.0.127.in-addr.arpa.": {dnstest.Pointer("mine.test.")},
	})
	for name, kind := range map[string]string{
		"inside.test": "A", "half.test": "A+AAAA", "six.test": "AAAA", "mapped.test": "A+AAAA", "alias.test": "A", "10.1.2.3": "PTR", "::ffff:10.1.2.3": "PTR",
	} {
		out, err := run(t.Context(), t, n, "dns.lookup", args{"name": name, "type": kind})
		fails(t, err, events.ReasonForbiddenTarget, false)
		require.ErrorContains(t, err, "private address (")
		require.ErrorContains(t, err, "--allow-net")
		require.Nil(t, out.Value)
		if kind != "PTR" {
			require.NotRegexp(t, `1\.2\.3|::12|secret`, err.Error())
		}
	}
	require.Equal(t, `["127.0.0.1"]`, answers(t, n, "mine.test", "A"), "the operator has allowed it")
}

func TestLookup_caps_what_it_tells(t *testing.T) {
	var many, long records
	for i := range maxAnswers + 7 {
		many = append(many, dnstest.Address(fmt.Sprintf("8.8.%d.%d", i/250, i%250)))
	}
	long = append(long, dnstest.Text(slices.Repeat([]string{strings.Repeat("x", 255)}, 20)...))
	n := withNames(t, dnstest.Zone{"many.test.": many, "long.test.": long})
	out, err := run(t.Context(), t, n, "dns.lookup", args{"name": "many.test", "type": "A"})
	require.NoError(t, err)
	var v lookupValue
	require.NoError(t, json.Unmarshal(out.Value, &v))
	require.Len(t, v.Answers, maxAnswers)
	require.Equal(t, 7, v.More)
	require.Equal(t, "8.8.0.0", v.Answers[0])

	var text []string
	require.NoError(t, json.Unmarshal([]byte(answers(t, n, "long.test", "TXT")), &text))
	require.Equal(t, []string{strings.Repeat("x", maxTXTBytes) + "…"}, text)
}

func TestLookup_tells_the_valid_part_of_a_broken_answer(t *testing.T) {
	n := withNames(t, dnstest.Zone{"site.test.": {dnstest.Mail(1, "good.test."), dnstest.Mail(2, "not a name.test.")}})
	out, err := run(t.Context(), t, n, "dns.lookup", args{"name": "site.test", "type": "MX"})
	fails(t, err, events.ReasonDNS, true)
	require.Contains(t, string(out.Value), `"answers":[{"host":"good.test","preference":1}]`)
}

func TestLookup_refuses_arguments_that_make_no_question(t *testing.T) {
	n := network(t)
	_, err := run(t.Context(), t, n, "dns.lookup", args{})
	fails(t, err, events.ReasonMissingParameter, false)
	for _, a := range []args{
		{"name": 7},
		{"name": "x", "server": "8.8.8.8"},
		{"name": "site.test", "type": "CAA"},
		{"name": "site.test", "type": "ANY"},
		{"name": "site.test", "type": ""},
		{"name": "site.test", "type": "PTR"},
		{"name": "fe80::1%eth0", "type": "PTR"},
		{"name": "8.8.8.8", "type": "A"},
		{"name": "::1"},
		{"name": ".."},
		{"name": "a..b"},
		{"name": ".a"},
		{"name": "a b"},
		{"name": "a\x00b"},
		{"name": "a/b"},
		{"name": "http://site.test/"},
		{"name": "\u2028.test"},
		{"name": strings.Repeat("a", 64) + ".test"},
		{"name": strings.Repeat("a.", 127) + "b"},
		{"name": strings.Repeat("ü.", 600)},
		{"name": strings.Repeat("ü", 60) + ".test"},
	} {
		_, err := run(t.Context(), t, n, "dns.lookup", a)
		fails(t, err, events.ReasonInvalidParameter, false)
	}
	_, err = run(t.Context(), t, n, "dns.lookup", args{"name": "site.test", "type": "CAA"})
	require.ErrorContains(t, err, "A, A+AAAA, AAAA, CNAME, MX, NS, PTR, SRV, TXT")
}
