package fetcher

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

// What answers may have at most.
const (
	maxAnswers  = 500
	maxTXTBytes = 4 << 10
)

// The types with a meaning of their own.
const (
	typeAddress = "A+AAAA" // the addresses of both families
	typePTR     = "PTR"
)

// mailHost is an answer of type MX.
type mailHost struct {
	Host       string `json:"host"`
	Preference uint16 `json:"preference"` // the lowest comes first
}

// serviceHost is an answer of type SRV (RFC 2782).
type serviceHost struct {
	Target   string `json:"target"`
	Port     uint16 `json:"port"`
	Priority uint16 `json:"priority"` // the lowest comes first
	Weight   uint16 `json:"weight"`   // among equal priorities, the share of use
}

// lookups has what Go's resolver can ask for. It has no look-ups of CAA, SOA, DNSKEY and other types. Each returns the answers in order,
// together with the addresses among them; and an error even beside answers, when some of them were not valid.
var lookups = map[string]func(context.Context, *net.Resolver, question) ([]any, []netip.Addr, error){
	typeAddress: addresses("ip"),
	"A":         addresses("ip4"),
	"AAAA":      addresses("ip6"),
	"CNAME": func(ctx context.Context, r *net.Resolver, q question) ([]any, []netip.Addr, error) {
		name, err := r.LookupCNAME(ctx, rooted(q.name))
		if name == "" {
			return []any{}, nil, err
		}
		return []any{plainName(name)}, nil, err
	},
	"MX": func(ctx context.Context, r *net.Resolver, q question) ([]any, []netip.Addr, error) {
		records, err := r.LookupMX(ctx, rooted(q.name))
		list := make([]mailHost, 0, len(records))
		for _, m := range records {
			list = append(list, mailHost{plainName(m.Host), m.Pref})
		}
		return sorted(list, func(a, b mailHost) int {
			return cmp.Or(cmp.Compare(a.Preference, b.Preference), cmp.Compare(a.Host, b.Host))
		}), nil, err
	},
	"NS": func(ctx context.Context, r *net.Resolver, q question) ([]any, []netip.Addr, error) {
		records, err := r.LookupNS(ctx, rooted(q.name))
		list := make([]string, 0, len(records))
		for _, ns := range records {
			list = append(list, plainName(ns.Host))
		}
		return sorted(list, cmp.Compare[string]), nil, err
	},
	typePTR: func(ctx context.Context, r *net.Resolver, q question) ([]any, []netip.Addr, error) {
		list, err := r.LookupAddr(ctx, q.addr.String())
		for i := range list {
			list[i] = plainName(list[i])
		}
		return sorted(list, cmp.Compare[string]), nil, err
	},
	"SRV": func(ctx context.Context, r *net.Resolver, q question) ([]any, []netip.Addr, error) {
		_, records, err := r.LookupSRV(ctx, "", "", rooted(q.name))
		list := make([]serviceHost, 0, len(records))
		for _, s := range records {
			list = append(list, serviceHost{plainName(s.Target), s.Port, s.Priority, s.Weight})
		}
		return sorted(list, func(a, b serviceHost) int {
			return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.Weight, a.Weight),
				cmp.Compare(a.Target, b.Target), cmp.Compare(a.Port, b.Port))
		}), nil, err
	},
	"TXT": func(ctx context.Context, r *net.Resolver, q question) ([]any, []netip.Addr, error) {
		list, err := r.LookupTXT(ctx, rooted(q.name))
		for i := range list {
			list[i] = useragent.Clip(list[i], maxTXTBytes)
		}
		return sorted(list, cmp.Compare[string]), nil, err
	},
}

// addresses looks up those of a family: ip4, ip6, or ip for both.
func addresses(family string) func(context.Context, *net.Resolver, question) ([]any, []netip.Addr, error) {
	return func(ctx context.Context, r *net.Resolver, q question) ([]any, []netip.Addr, error) {
		name := rooted(q.name)
		if !strings.Contains(q.name, ".") {
			name = q.name // such as localhost: the hosts file has such names without a dot
		}
		list, err := r.LookupNetIP(ctx, family, name)
		if _, ok := errors.AsType[*net.AddrError](err); ok { // addresses of the other family only, as the hosts file can have them
			err = &net.DNSError{Err: "no address of this family", Name: q.name, IsNotFound: true}
		}
		for i := range list {
			list[i] = list[i].Unmap()
		}
		slices.SortFunc(list, netip.Addr.Compare)
		list = slices.Compact(list)
		answers := make([]any, 0, len(list))
		for _, a := range list {
			answers = append(answers, a.String())
		}
		return answers, list, err
	}
}

// sorted puts answers in an order that does not depend on the name server, each once.
func sorted[T comparable](list []T, compare func(a, b T) int) []any {
	slices.SortFunc(list, compare)
	list = slices.Compact(list)
	answers := make([]any, 0, len(list))
	for _, a := range list {
		answers = append(answers, a)
	}
	return answers
}

// rooted ends a name with a dot, so that no search domain is tried.
func rooted(name string) string { return strings.TrimSuffix(name, ".") + "." }

// plainName leaves out the dot at the end, except of the root.
func plainName(name string) string {
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}
