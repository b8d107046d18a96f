// Package robots reads robots.txt and tells what it allows, by the Robots Exclusion Protocol (RFC 9309). Crawl-delay, which is not in the
// RFC but in many files, is read as well.
//
//	rules := robots.Parse(body, "fetchmill")
//	verdict := rules.Check("/private/?q=1")
//
// A Cache fetches and keeps the files of many hosts.
package robots

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Verdict is what a robots.txt says about one URL.
type Verdict struct {
	Allowed bool
	// Rule is the line that decides, as "Disallow: /private", cut if it is very long; empty if none does.
	Rule string
	// Line is its number, from 1; 0 if there is none.
	Line int
	// Delay is the distance between requests that the file asks for; 0 if it does not.
	Delay time.Duration
}

// Rules is what one robots.txt says to one agent. The zero value allows everything.
type Rules struct {
	rules []rule // the longest first, and allowing ones before others
	delay time.Duration
}

// rule is an Allow or Disallow line.
type rule struct {
	allow   bool
	line    int
	pattern pattern
	text    string
}

// Delay is the distance between requests that the file asks for; 0 if it does not.
func (r *Rules) Delay() time.Duration { return r.delay }

// Check judges the path of a URL with its query, such as "/a?b=c". The longest rule that matches decides; between an allowing and a
// forbidding one of the same length, the allowing one does (RFC 9309 section 2.2.2).
func (r *Rules) Check(path string) Verdict {
	if path == "" || path[0] != '/' {
		path = "/" + path
	}
	v := Verdict{Allowed: true, Delay: r.delay}
	if path == "/robots.txt" { // always, by section 2.2.2
		return v
	}
	path = normalise(path)
	for i := range r.rules {
		rule := &r.rules[i]
		if rule.pattern.matches(path) {
			v.Allowed, v.Line, v.Rule = rule.allow, rule.line, rule.String()
			return v
		}
	}
	return v
}

// maxRuleText bounds a rule in texts for people, in bytes.
const maxRuleText = 200

func (r *rule) String() string {
	text := r.text
	if len(text) > maxRuleText {
		text = text[:maxRuleText] + "…"
	}
	text = strings.ToValidUTF8(text, "?")
	if r.allow {
		return "Allow: " + text
	}
	return "Disallow: " + text
}

// sort brings the rules into the order in which they decide.
func (r *Rules) sort() {
	slices.SortStableFunc(r.rules, func(a, b rule) int {
		if c := cmp.Compare(b.pattern.length, a.pattern.length); c != 0 || a.allow == b.allow {
			return c
		}
		if a.allow {
			return -1
		}
		return 1
	})
}

// size is about how much memory the rules take, in bytes.
func (r *Rules) size() int64 {
	n := int64(len(r.rules)) * 160
	for i := range r.rules {
		n += int64(2*len(r.rules[i].text) + 16*len(r.rules[i].pattern.parts))
	}
	return n
}

// ValidAgent tells whether a name can be the product token of an agent: letters, "-" and "_" (RFC 9309 section 2.2.1).
func ValidAgent(name string) error {
	if name == "" || token(name) != name {
		return fmt.Errorf("robots.txt: agent name %.80q must be letters, - and _ only", name)
	}
	return nil
}

// token is the product token at the beginning of a user-agent line's value.
func token(s string) string {
	for i := range len(s) {
		if c := s[i] | 0x20; (c < 'a' || c > 'z') && s[i] != '-' && s[i] != '_' {
			return s[:i]
		}
	}
	return s
}
