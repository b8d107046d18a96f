package fetcher

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/internal/netguard"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

// question is what to ask name servers for.
type question struct {
	name string     // in ASCII, without the final dot
	kind string     // a key of lookups
	addr netip.Addr // the name of a PTR question
}

func (q question) String() string { return q.kind + " of " + q.name }

// lookupValue is what a look-up finds.
type lookupValue struct {
	Name      string  `json:"name"`
	Type      string  `json:"type"`
	Answers   []any   `json:"answers"`        // strings, mailHost or serviceHost; sorted, each once
	More      int     `json:"more,omitempty"` // answers that are left out, as there are more than maxAnswers
	ElapsedMS float64 `json:"elapsed_ms"`
}

// dnsLookup asks name servers. Arguments {"name": string, "type": string}; value {"name", "type", "answers", "elapsed_ms"}. Names
// are taken as they stand, except that addresses of a name without a dot are those that connections would go to: the machine's search
// domains are tried. What its hosts file has counts, as everywhere.
func (n *Network) dnsLookup() ops.Op {
	return ops.Op{Name: "dns.lookup", Run: func(ctx context.Context, in ops.Input) (ops.Output, error) {
		q, err := readQuestion(in)
		if err != nil {
			return ops.Output{}, err
		}
		return n.lookup(ctx, q)
	}}
}

// readQuestion reads the arguments.
func readQuestion(in ops.Input) (question, error) {
	args := struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}{Type: typeAddress}
	if err := in.Args(&args); err != nil {
		return question{}, err
	}
	if args.Name == "" {
		return question{}, ops.Fail(events.ReasonMissingParameter, errors.New("name is missing: give one such as example.com"))
	}
	q := question{kind: strings.ToUpper(args.Type)}
	if _, ok := lookups[q.kind]; !ok {
		return q, invalid("type %.20q cannot be looked up: use one of %s", args.Type, strings.Join(lookupTypes(), ", "))
	}
	addr, err := netip.ParseAddr(args.Name)
	switch {
	case q.kind == typePTR && (err != nil || addr.Zone() != ""):
		return q, invalid("name %.100q is not an IP address, for which type PTR finds names: write 192.0.2.1 or 2001:db8::1", args.Name)
	case q.kind == typePTR:
		q.addr = addr.Unmap()
		q.name = q.addr.String()
		return q, nil
	case err == nil:
		return q, invalid("name %.100q is an IP address: its names are found with the type PTR", args.Name)
	}
	if q.name, err = domainName(args.Name); err != nil {
		return q, invalid("name: %w", err)
	}
	return q, nil
}

func invalid(format string, args ...any) error {
	return ops.Fail(events.ReasonInvalidParameter, fmt.Errorf(format, args...))
}

func (n *Network) lookup(ctx context.Context, q question) (ops.Output, error) {
	start := time.Now()
	guard := n.agent.Guard()
	if q.addr.IsValid() {
		if err := giveaway(guard, q, q.addr); err != nil {
			return ops.Output{}, err
		}
	}
	answers, addrs, err := lookups[q.kind](ctx, n.agent.Resolver(), q)
	facts := &events.FetchFacts{ElapsedMS: since(start)}
	if refused := giveaway(guard, q, addrs...); refused != nil {
		return ops.Output{Fetch: facts}, refused
	}
	value := lookupValue{Name: q.name, Type: q.kind, Answers: answers, ElapsedMS: facts.ElapsedMS}
	if over := len(answers) - maxAnswers; over > 0 {
		value.Answers, value.More = answers[:maxAnswers], over
	}
	if err == nil && len(answers) == 0 { // the answer was a chain of other records only
		err = &net.DNSError{Err: "no record of this type", Name: q.name, IsNotFound: true}
	}
	if err == nil {
		return ops.Output{Value: ops.JSON(value), Fetch: facts}, nil
	}
	out := ops.Output{Fetch: facts}
	dns, ok := errors.AsType[*net.DNSError](err)
	if len(answers) > 0 || ok && dns.IsNotFound {
		out.Value = ops.JSON(value)
	}
	return out, useragent.Verdict(ctx, q.String(), err)
}

// giveaway refuses addresses that the guard would not let anything connect to: what a name means inside of the operator's network is
// not for items to find out. The error names the range only.
func giveaway(guard *netguard.Guard, q question, addrs ...netip.Addr) error {
	for _, a := range addrs {
		refused, ok := errors.AsType[*netguard.RefusedError](guard.Check(netip.AddrPortFrom(a, 0)))
		if !ok {
			continue
		}
		remedy := "; to allow it, start the fetcher (or `fetchmill up`) with --allow-net and the network"
		if refused.Own {
			remedy = ""
		}
		return ops.Fail(events.ReasonForbiddenTarget,
			fmt.Errorf("network guard: refused to tell the %s, as it is about a %s%s", q, refused.Rule, remedy))
	}
	return nil
}

// lookupTypes lists the types that can be asked for.
func lookupTypes() []string {
	list := make([]string, 0, len(lookups))
	for kind := range lookups {
		list = append(list, kind)
	}
	slices.Sort(list)
	return list
}
