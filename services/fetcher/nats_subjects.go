package fetcher

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// maxSubjectLength is far more than people write, and far less than what the broker takes.
const maxSubjectLength = 256

// inboxes are where replies to requests go, unless a connection has a prefix of its own.
const inboxes = "_INBOX."

// subjects are the patterns of what nats.request may be sent to, as the operator has named them. Nothing else is allowed, and what belongs to
// the broker or to the pipeline never is: an item that could publish there would be a service. The one exception is run.<recipe>, where
// anyone may ask for a result, if a pattern names it.
type subjects struct {
	patterns []string
	inboxes  string // prefix of this connection's own; a message there would be taken for somebody's reply
}

// newSubjects checks patterns: subjects in which "*" stands for one token, and ">" at the end for one or more. The prefix of inboxes may be
// empty.
func newSubjects(patterns []string, prefix string) (subjects, error) {
	s := subjects{patterns: patterns, inboxes: inboxes}
	if prefix != "" {
		s.inboxes = strings.TrimSuffix(prefix, ".") + "."
	}
	var faults []error
	for _, p := range patterns {
		if err := s.checkPattern(p); err != nil {
			faults = append(faults, fmt.Errorf("allowed subject %.100q (--nats-allow): %w", p, err))
		}
	}
	return s, errors.Join(faults...)
}

func (s subjects) checkPattern(p string) error {
	tokens := strings.Split(p, ".")
	for i, token := range tokens {
		last := i == len(tokens)-1
		if !validToken(token) && token != "*" && (token != ">" || !last) {
			return errors.New(`not a subject: write words joined by dots, "*" for any one word, and ">" at the end for any words`)
		}
	}
	if s.reserved(p) && tokens[0]+"." != events.PrefixRun {
		return errors.New("it belongs to the broker or to fetchmill itself, where items must not publish")
	}
	return nil
}

// check says whether a request may be sent to a subject. Errors are verdicts.
func (s subjects) check(subject string) error {
	if subject == "" {
		return ops.Fail(events.ReasonMissingParameter, errors.New("subject is missing: give one such as service.status"))
	}
	if len(subject) > maxSubjectLength {
		return invalid("subject has %d characters, more than %d", len(subject), maxSubjectLength)
	}
	for token := range strings.SplitSeq(subject, ".") {
		if !validToken(token) {
			return invalid("subject %q cannot be sent to: write words joined by dots, without white space, * and >", subject)
		}
	}
	run := strings.HasPrefix(subject, events.PrefixRun)
	switch {
	case s.reserved(subject) && !run:
		return ops.Fail(events.ReasonForbiddenTarget,
			fmt.Errorf("subject %q belongs to the broker or to fetchmill itself, where items must not publish", subject))
	case !slices.ContainsFunc(s.patterns, func(p string) bool { return matches(p, subject) && (!run || strings.HasPrefix(p, events.PrefixRun)) }):
		return ops.Fail(events.ReasonForbiddenTarget,
			fmt.Errorf("subject %q is not allowed; to allow it, start the fetcher (or `fetchmill up`) with --nats-allow %s", subject, subject))
	}
	return nil
}

func (s subjects) reserved(subject string) bool {
	return events.Internal(subject) || strings.HasPrefix(subject, inboxes) || strings.HasPrefix(subject, s.inboxes)
}

func validToken(token string) bool {
	return token != "" && !strings.ContainsFunc(token, func(r rune) bool {
		return r == '*' || r == '>' || r == unicode.ReplacementChar || unicode.IsSpace(r) || unicode.IsControl(r)
	})
}

// matches follows the broker's rules for subjects with wildcards.
func matches(pattern, subject string) bool {
	want, have := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, token := range want {
		switch {
		case token == ">":
			return len(have) > i
		case i >= len(have), token != "*" && token != have[i]:
			return false
		}
	}
	return len(want) == len(have)
}
