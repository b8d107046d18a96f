package wording

import (
	"errors"
	"fmt"
	"strings"
	"text/template"
	"time"
	"unicode"

	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	// MaxText is how many bytes a text has at most, whatever a channel can take.
	MaxText = 64 << 10
	// maxSubject is how many bytes a subject has at most.
	maxSubject = 250
	// room is how much a template may make before it is stopped: more than is kept of it.
	room = 4 * MaxText
)

// Digest is what the templates of a digest get.
type Digest struct{ Notices []*events.Notice }

// Summary counts the notices by kind, in the order in which the kinds first come: "8 down, 3 resolved".
func (d Digest) Summary() string {
	counts := map[events.NoticeKind]int{}
	var kinds []events.NoticeKind
	for _, n := range d.Notices {
		if counts[n.Kind] == 0 {
			kinds = append(kinds, n.Kind)
		}
		counts[n.Kind]++
	}
	parts := make([]string, len(kinds))
	for i, k := range kinds {
		parts[i] = fmt.Sprintf("%d %s", counts[k], strings.ReplaceAll(string(k), "_", " "))
	}
	return strings.Join(parts, ", ")
}

// Words are the texts of one message.
type Words struct {
	Subject string // one line
	Text    string
}

// One words one notice. The text has at most so many bytes: what is beyond is cut off at the end of a line, and the text says so.
func (w *Wording) One(n *events.Notice, most int) (Words, error) {
	subject, err := w.subject(n)
	if err != nil {
		return Words{}, err
	}
	text, err := execute(w.of(n.Kind).text, n)
	return Words{subject, fit(text, most)}, err
}

// Many words a digest, likewise.
func (w *Wording) Many(list []*events.Notice, most int) (Words, error) {
	d, p := Digest{list}, w.pairs[ForDigest]
	subject, err := execute(p.subject, d)
	if err != nil {
		return Words{}, err
	}
	text, err := execute(p.text, d)
	return Words{line(subject), fit(text, most)}, err
}

func (w *Wording) of(kind events.NoticeKind) pair {
	if p, ok := w.pairs[string(kind)]; ok && kind != ForDigest && kind != Otherwise {
		return p
	}
	return w.pairs[Otherwise]
}

func (w *Wording) subject(n *events.Notice) (string, error) {
	s, err := execute(w.of(n.Kind).subject, n)
	return line(s), err
}

var errFull = errors.New("it makes too much text")

// paper is what a template writes on; it is full at some point.
type paper struct {
	strings.Builder
	most int
}

func (p *paper) Write(b []byte) (int, error) {
	if p.Len()+len(b) > p.most {
		n, _ := p.Builder.Write(b[:p.most-p.Len()])
		return n, errFull
	}
	return p.Builder.Write(b)
}

// execute makes the text of a template. One that would be too long is stopped, and what there is by then counts.
func execute(t *template.Template, data any) (string, error) {
	p := &paper{most: room}
	if err := t.Execute(p, data); err != nil && !errors.Is(err, errFull) {
		return "", err
	}
	return clean(p.String()), nil
}

// clean takes out what could do harm on a terminal or in a protocol.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// line makes a subject: white space is one space, and what is too long is cut.
func line(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxSubject {
		s = strings.ToValidUTF8(s[:maxSubject-len("…")], "") + "…"
	}
	return s
}

// fit cuts a text at the end of a line, and says how many lines are missing.
func fit(s string, most int) string {
	s = strings.TrimSpace(s) + "\n"
	if len(s) <= most {
		return s
	}
	const tail = "… and %d more lines\n"
	at := strings.LastIndexByte(s[:max(0, most-len(tail)-10)], '\n') + 1
	if at == 0 { // one long line
		return strings.ToValidUTF8(s[:max(0, most-len("…\n"))], "") + "…\n"
	}
	return s[:at] + fmt.Sprintf(tail, strings.Count(s[at:], "\n"))
}

// date writes a time for people.
func date(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// span writes a duration in its two largest units.
func span(d time.Duration) string {
	d = d.Round(time.Second)
	for _, u := range []struct {
		big, small   time.Duration
		bigN, smallN string
	}{
		{24 * time.Hour, time.Hour, "d", "h"},
		{time.Hour, time.Minute, "h", "min"},
		{time.Minute, time.Second, "min", "s"},
	} {
		if d < u.big {
			continue
		}
		text := fmt.Sprintf("%d %s", d/u.big, u.bigN)
		if rest := d % u.big / u.small; rest > 0 {
			text += fmt.Sprintf(" %d %s", rest, u.smallN)
		}
		return text
	}
	return fmt.Sprintf("%d s", d/time.Second)
}
