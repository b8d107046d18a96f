package dnstest

import (
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// maxUDPBytes is what Go's resolver takes by UDP.
const maxUDPBytes = 1232

// Zone is what a name server knows: the records of names, which end with a dot. A name without records exists and has none.
type Zone map[string][]dnsmessage.ResourceBody

// What a name server does instead of answering about a name.
const (
	failing = dnsmessage.Type(0xff01)
	silent  = dnsmessage.Type(0xff02)
)

// Failing is all that is known of a name about which the server answers SERVFAIL.
func Failing() []dnsmessage.ResourceBody {
	return []dnsmessage.ResourceBody{&dnsmessage.UnknownResource{Type: failing}}
}

// Silent is all that is known of a name about which the server never answers.
func Silent() []dnsmessage.ResourceBody {
	return []dnsmessage.ResourceBody{&dnsmessage.UnknownResource{Type: silent}}
}

// Reply answers from the zone, for New. What is too long for UDP is left out there and marked as truncated.
func (z Zone) Reply(query dnsmessage.Message, network string) []byte {
	if len(query.Questions) != 1 {
		return nil
	}
	q := query.Questions[0]
	m := Response(query)
	records, known := z[strings.ToLower(q.Name.String())]
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, body := range records {
		switch kind := typeOf(body); kind {
		case failing:
			m.RCode = dnsmessage.RCodeServerFailure
		case silent:
			return nil
		case q.Type:
			m.Answers = append(m.Answers, answer(q.Name, body))
		case dnsmessage.TypeCNAME:
			m.Answers = append(m.Answers, answer(q.Name, body))
			m.Answers = append(m.Answers, z.behind(body, q.Type)...)
		}
	}
	b := Pack(m)
	if network == "udp" && len(b) > maxUDPBytes {
		m.Answers, m.Truncated = nil, true
		b = Pack(m)
	}
	return b
}

// behind returns the records of a type that an alias leads to.
func (z Zone) behind(body dnsmessage.ResourceBody, kind dnsmessage.Type) []dnsmessage.Resource {
	alias, ok := body.(*dnsmessage.CNAMEResource)
	if !ok {
		return nil
	}
	var list []dnsmessage.Resource
	for _, body := range z[alias.CNAME.String()] {
		if typeOf(body) == kind {
			list = append(list, answer(alias.CNAME, body))
		}
	}
	return list
}

func answer(name dnsmessage.Name, body dnsmessage.ResourceBody) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: name, Type: typeOf(body), Class: dnsmessage.ClassINET, TTL: 60}, Body: body}
}

func typeOf(body dnsmessage.ResourceBody) dnsmessage.Type {
	switch b := body.(type) {
	case *dnsmessage.AResource:
		return dnsmessage.TypeA
	case *dnsmessage.AAAAResource:
		return dnsmessage.TypeAAAA
	case *dnsmessage.CNAMEResource:
		return dnsmessage.TypeCNAME
	case *dnsmessage.MXResource:
		return dnsmessage.TypeMX
	case *dnsmessage.NSResource:
		return dnsmessage.TypeNS
	case *dnsmessage.PTRResource:
		return dnsmessage.TypePTR
	case *dnsmessage.SRVResource:
		return dnsmessage.TypeSRV
	case *dnsmessage.TXTResource:
		return dnsmessage.TypeTXT
	case *dnsmessage.UnknownResource:
		return b.Type
	}
	return 0
}

// Address is a record of type A or AAAA.
func Address(ip string) dnsmessage.ResourceBody {
	a := netip.MustParseAddr(ip)
	if a.Is4() {
		return &dnsmessage.AResource{A: a.As4()}
	}
	return &dnsmessage.AAAAResource{AAAA: a.As16()}
}

// Alias is a record of type CNAME. Names end with a dot.
func Alias(name string) dnsmessage.ResourceBody {
	return &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(name)}
}

// Mail is a record of type MX.
func Mail(preference uint16, host string) dnsmessage.ResourceBody {
	return &dnsmessage.MXResource{Pref: preference, MX: dnsmessage.MustNewName(host)}
}

// Delegate is a record of type NS.
func Delegate(host string) dnsmessage.ResourceBody {
	return &dnsmessage.NSResource{NS: dnsmessage.MustNewName(host)}
}

// Pointer is a record of type PTR.
func Pointer(name string) dnsmessage.ResourceBody {
	return &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(name)}
}

// Service is a record of type SRV.
func Service(priority, weight, port uint16, target string) dnsmessage.ResourceBody {
	return &dnsmessage.SRVResource{Priority: priority, Weight: weight, Port: port, Target: dnsmessage.MustNewName(target)}
}

// Text is a record of type TXT, of at most 255 bytes a string.
func Text(parts ...string) dnsmessage.ResourceBody {
	return &dnsmessage.TXTResource{TXT: parts}
}
