package robots

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	// MaxBytes is how much of a robots.txt is read: what RFC 9309 section 2.5 asks for at least.
	MaxBytes = 500 << 10
	// maxDelay bounds Crawl-delay.
	maxDelay = 24 * time.Hour
)

// audience is whom a group is for.
type audience int

const (
	nobody   audience = iota // other agents only
	everyone                 // "*"
	us
)

// Parse reads a robots.txt for the agent with this name. Nothing is a fault: lines that are not understood are skipped, and what is
// beyond MaxBytes is not there.
func Parse(body []byte, agent string) *Rules {
	if len(body) > MaxBytes {
		body = body[:MaxBytes]
		if i := bytes.LastIndexAny(body, "\r\n"); i >= 0 { // half a rule is another rule
			body = body[:i]
		} else {
			body = nil
		}
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	p := parser{agent: agent}
	for number := 1; len(body) > 0; number++ {
		var line []byte
		line, body = cutLine(body)
		p.line(number, string(line))
	}
	chosen := &p.groups[everyone]
	if p.named { // even if that group has no rules at all
		chosen = &p.groups[us]
	}
	chosen.sort()
	return chosen
}

// cutLine splits at the first CR, LF or CRLF.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexAny(b, "\r\n")
	if i < 0 {
		return b, nil
	}
	if b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n' {
		return b[:i], b[i+2:]
	}
	return b[:i], b[i+1:]
}

// parser collects the rules for everyone and those for the agent. Groups for the same agent add up (RFC 9309 section 2.2.1).
type parser struct {
	agent  string
	groups [us + 1]Rules
	// forEveryone and forUs tell whom the group at hand is for; begun tells that it has rules, so that another user-agent
	// line begins a new one.
	forEveryone, forUs, begun bool
	named                     bool
}

func (p *parser) line(number int, line string) {
	if i := strings.IndexByte(line, '#'); i >= 0 {
		line = line[:i]
	}
	key, value, ok := strings.Cut(line, ":")
	if !ok {
		return
	}
	value = strings.Trim(value, " \t")
	switch strings.ToLower(strings.Trim(key, " \t")) {
	case "user-agent":
		p.userAgent(value)
	case "allow":
		p.rule(number, true, value)
	case "disallow":
		p.rule(number, false, value)
	case "crawl-delay":
		p.crawlDelay(value)
	}
}

func (p *parser) userAgent(value string) {
	if p.begun {
		p.forEveryone, p.forUs, p.begun = false, false, false
	}
	switch p.audience(value) {
	case everyone:
		p.forEveryone = true
	case us:
		p.forUs, p.named = true, true
	case nobody:
	}
}

// audience compares without regard to case. What follows the name, such as a version, does not count.
func (p *parser) audience(value string) audience {
	if value == "*" || strings.HasPrefix(value, "* ") || strings.HasPrefix(value, "*\t") {
		return everyone
	}
	if strings.EqualFold(token(value), p.agent) {
		return us
	}
	return nobody
}

// each calls f for the rules that the group at hand belongs to.
func (p *parser) each(f func(*Rules)) {
	if p.forEveryone {
		f(&p.groups[everyone])
	}
	if p.forUs {
		f(&p.groups[us])
	}
}

func (p *parser) rule(number int, allow bool, value string) {
	p.begun = true
	if value == "" { // "Disallow:" forbids nothing
		return
	}
	p.each(func(r *Rules) {
		r.rules = append(r.rules, rule{allow: allow, line: number, pattern: newPattern(value), text: value})
	})
}

// crawlDelay is for the agents named so far. Like every line that is not in the RFC it does not end a list of agents.
func (p *parser) crawlDelay(value string) {
	seconds, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsNaN(seconds) || seconds <= 0 {
		return
	}
	d := time.Duration(min(seconds, maxDelay.Seconds()) * float64(time.Second))
	p.each(func(r *Rules) { r.delay = max(r.delay, d) })
}
