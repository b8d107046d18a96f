package dnscache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// maxAnswerBytes is the longest answer that is remembered. Who fills a zone with long ones does not fill our memory.
const maxAnswerBytes = 4 << 10

// key is what two queries have in common that get the same answer.
type key struct {
	name  string // in lower case
	typ   dnsmessage.Type
	class dnsmessage.Class
	// What the asker can do with the answer: an answer for one that knows EDNS (RFC 6891) may have parts that others do not
	// understand, one for DNSSEC has signatures.
	recursion, authentic, unchecked, edns, dnssec bool
}

func (k key) String() string {
	return fmt.Sprintf("%s %d %d %t %t %t %t %t", k.name, k.typ, k.class, k.recursion, k.authentic, k.unchecked, k.edns, k.dnssec)
}

// question is what a query asks.
type question struct {
	key
	id uint16
}

var errNotAQuery = errors.New("DNS cache: not a query with one question")

func parseQuery(query []byte) (question, error) {
	var p dnsmessage.Parser
	h, err := p.Start(query)
	if err != nil {
		return question{}, fmt.Errorf("%w: %w", errNotAQuery, err)
	}
	asked, err := p.AllQuestions()
	if err != nil {
		return question{}, fmt.Errorf("%w: %w", errNotAQuery, err)
	}
	if h.Response || h.OpCode != 0 || len(asked) != 1 {
		return question{}, errNotAQuery
	}
	q := question{id: h.ID, key: key{
		name: strings.ToLower(asked[0].Name.String()), typ: asked[0].Type, class: asked[0].Class,
		recursion: h.RecursionDesired, authentic: h.AuthenticData, unchecked: h.CheckingDisabled,
	}}
	if opt, ok := edns(&p); ok {
		q.edns, q.dnssec = true, opt.DNSSECAllowed()
	}
	return q, nil
}

// edns finds the header of the OPT record. The parser must be past the questions.
func edns(p *dnsmessage.Parser) (dnsmessage.ResourceHeader, bool) {
	if p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil {
		return dnsmessage.ResourceHeader{}, false
	}
	for {
		h, err := p.AdditionalHeader()
		if err != nil {
			return dnsmessage.ResourceHeader{}, false
		}
		if h.Type == dnsmessage.TypeOPT {
			return h, true
		}
		if p.SkipAdditional() != nil {
			return dnsmessage.ResourceHeader{}, false
		}
	}
}

// answers says whether a message is the answer to q, and not a late or a forged one.
func answers(message []byte, q question) bool {
	var p dnsmessage.Parser
	h, err := p.Start(message)
	if err != nil || !h.Response || h.ID != q.id {
		return false
	}
	asked, err := p.Question()
	return err == nil && asked.Type == q.typ && asked.Class == q.class && strings.EqualFold(asked.Name.String(), q.name)
}

// lifetime says how long an answer may be remembered, and whether at all.
func lifetime(message []byte, q question, cfg Config) (time.Duration, bool) {
	var p dnsmessage.Parser
	h, err := p.Start(message)
	if err != nil || h.Truncated || len(message) > maxAnswerBytes || p.SkipAllQuestions() != nil {
		return 0, false
	}
	if h.RCode != dnsmessage.RCodeSuccess && h.RCode != dnsmessage.RCodeNameError {
		return 0, false // the server's trouble, which may be over at once
	}
	records, err := p.AllAnswers()
	if err != nil {
		return 0, false
	}
	found, ttl := false, uint32(1<<31-1) // RFC 2181, section 8
	for _, r := range records {
		found = found || r.Header.Type == q.typ || q.typ == dnsmessage.TypeALL
		ttl = min(ttl, seconds(r.Header.TTL))
	}
	authority, err := p.AllAuthorities()
	if err != nil {
		return 0, false
	}
	rest := p // edns moves on
	if opt, ok := edns(&rest); ok && opt.ExtendedRCode(h.RCode) != h.RCode {
		return 0, false
	}
	if found && h.RCode == dnsmessage.RCodeSuccess {
		return bounded(ttl, cfg.MinTTL, cfg.MaxTTL), true
	}
	if !h.Authoritative && !h.RecursionAvailable {
		return 0, false // not "no", but "ask somebody else"
	}
	return bounded(min(ttl, negative(authority)), min(cfg.MinTTL, cfg.MaxNegativeTTL), cfg.MaxNegativeTTL), true
}

// negative is the time to live of "there is none", in seconds (RFC 2308, section 5): what the zone says or, where the server has
// left that out, the shortest we know. That bears little risk, as nobody asks us for names.
func negative(authority []dnsmessage.Resource) uint32 {
	for _, r := range authority {
		if soa, ok := r.Body.(*dnsmessage.SOAResource); ok {
			return min(seconds(r.Header.TTL), seconds(soa.MinTTL))
		}
	}
	return 0
}

// seconds reads a time to live: one with the highest bit set is 0 (RFC 2181, section 8).
func seconds(ttl uint32) uint32 {
	if ttl > 1<<31-1 {
		return 0
	}
	return ttl
}

func bounded(ttl uint32, least, most time.Duration) time.Duration {
	return min(max(time.Duration(ttl)*time.Second, least), most)
}

// withID copies a message and puts an ID into it.
func withID(message []byte, id uint16) []byte {
	m := append([]byte(nil), message...)
	binary.BigEndian.PutUint16(m, id)
	return m
}
