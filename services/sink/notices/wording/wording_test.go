package wording

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func down(what string) *events.Notice {
	return &events.Notice{
		ID: "n1", Kind: events.NoticeDown, Channel: "ops", What: what, Group: "web", Owner: "Ada", URL: "https://shop.example.com/", Cause: "status 503",
		Since: noon.Add(-time.Minute), At: noon, Facts: map[string]string{"status": "503"},
	}
}

func TestDefault(t *testing.T) {
	t.Run("says of a target that it is down, and what is known", func(t *testing.T) {
		w, err := Default().One(down("Shop"), MaxText)
		require.NoError(t, err)
		require.Equal(t, "DOWN: Shop", w.Subject)
		require.Equal(t, `Shop is down since 2026-03-01 11:59:00 UTC: status 503.

URL:    https://shop.example.com/
Group:  web
Owner:  Ada
status: 503
`, w.Text)
	})
	t.Run("has words for every kind, with everything and with nothing", func(t *testing.T) {
		for _, n := range samples(Otherwise) {
			w, err := Default().One(n, MaxText)
			require.NoError(t, err)
			require.NotEmpty(t, w.Subject)
			require.NotContains(t, w.Subject+w.Text, "<no value>")
			require.NotContains(t, w.Text, "0001-01-01")
			require.True(t, strings.HasSuffix(w.Text, "\n"))
		}
	})
	t.Run("sums a digest up", func(t *testing.T) {
		up := down("Mail")
		up.Kind, up.DurationMS = events.NoticeResolved, 95_000
		w, err := Default().Many([]*events.Notice{down("Shop"), up, down("Blog")}, MaxText)
		require.NoError(t, err)
		require.Equal(t, "3 notices: 2 down, 1 resolved", w.Subject)
		require.Contains(t, w.Text, "2026-03-01 12:00:00 UTC  UP: Mail, after 1 min 35 s (status 503)\n")
		require.Contains(t, w.Text, "DOWN: Blog (status 503)\n")
	})
}

func TestWith(t *testing.T) {
	t.Run("changes one kind, and its line in digests", func(t *testing.T) {
		w, err := Default().With("down", Templates{Subject: `{{upper .What}}`})
		require.ErrorContains(t, err, `function "upper" not defined`)
		require.Nil(t, w)
		w, err = Default().With("down", Templates{Subject: `{{.What}} {{.Facts.status}}{{.Facts.none}}`})
		require.NoError(t, err)
		one, err := w.One(down("Shop"), MaxText)
		require.NoError(t, err)
		require.Equal(t, "Shop 503", one.Subject)
		require.Contains(t, one.Text, "Shop is down since")
		many, err := w.Many([]*events.Notice{down("Shop"), down("Blog")}, MaxText)
		require.NoError(t, err)
		require.Contains(t, many.Text, "UTC  Blog 503 (")
		before, err := Default().One(down("Shop"), MaxText)
		require.NoError(t, err)
		require.Equal(t, "DOWN: Shop", before.Subject, "the other wording stays")
	})
	t.Run("changes digests and what has no words of its own", func(t *testing.T) {
		w, err := Default().With(ForDigest, Templates{Subject: `{{.Summary}}`, Text: `{{range .Notices}}{{headline .}};{{end}}`})
		require.NoError(t, err)
		w, err = w.With(Otherwise, Templates{Subject: `? {{.Kind}}`})
		require.NoError(t, err)
		n := down("Shop")
		n.Kind = "late"
		many, err := w.Many([]*events.Notice{n, down("Shop")}, MaxText)
		require.NoError(t, err)
		require.Equal(t, Words{"1 late, 1 down", "? late;DOWN: Shop;\n"}, many)
	})
	for text, want := range map[string]string{
		"{{.What":                     "unclosed action",
		"{{.Password}}":               "can't evaluate field Password",
		"{{.Since.Format}}":           "wrong number of args",
		"{{headline .}}":              `function "headline" not defined`,
		`{{template "none" .}}`:       `"none" not defined`,
		"{{range 9000000000}}{{end}}": "takes more than 1s",
	} {
		t.Run("refuses "+text, func(t *testing.T) {
			_, err := Default().With("down", Templates{Text: text})
			require.ErrorIs(t, err, ErrTemplate)
			require.ErrorContains(t, err, want)
		})
	}
	t.Run("refuses kinds that there are not, and lists those that there are", func(t *testing.T) {
		_, err := Default().With("upp", Templates{})
		require.ErrorContains(t, err, "still_down")
	})
}

func TestBounds(t *testing.T) {
	t.Run("a text is cut at the end of a line, and says so", func(t *testing.T) {
		var list []*events.Notice
		for i := range 5000 {
			list = append(list, down(fmt.Sprint("shop-", i)))
		}
		for _, most := range []int{100, 1800, 4000, MaxText} {
			w, err := Default().Many(list, most)
			require.NoError(t, err)
			require.LessOrEqual(t, len(w.Text), most)
			require.Regexp(t, `\n… and \d+ more lines\n$`, w.Text)
		}
	})
	t.Run("a line without an end is cut, too", func(t *testing.T) {
		n := down("Shop")
		n.Cause = strings.Repeat("ü", MaxText)
		w, err := Default().One(n, 300)
		require.NoError(t, err)
		require.LessOrEqual(t, len(w.Text), 300)
		n.What = strings.Repeat("é", 1000)
		w, err = Default().One(n, 300)
		require.NoError(t, err)
		require.LessOrEqual(t, len(w.Subject), maxSubject)
	})
	t.Run("a template that makes too much is stopped", func(t *testing.T) {
		w, err := Default().With("down", Templates{Text: `{{range 1000000}}` + strings.Repeat("long ", 200) + `{{.}}` + "\n" + `{{end}}`})
		require.NoError(t, err)
		one, err := w.One(down("Shop"), MaxText)
		require.NoError(t, err)
		require.LessOrEqual(t, len(one.Text), MaxText)
	})
	t.Run("what comes from elsewhere does no harm", func(t *testing.T) {
		n := down("Shop\r\nBcc: evil@example.com")
		n.Cause = "\x1b[31mred\x00 \u202egnp.exe"
		w, err := Default().One(n, MaxText)
		require.NoError(t, err)
		require.Equal(t, "DOWN: Shop Bcc: evil@example.com", w.Subject)
		require.NotContains(t, w.Text, "\x1b")
		require.NotContains(t, w.Text, "\x00")
		require.NotContains(t, w.Text, "\u202e")
		require.NotContains(t, w.Text, "\r")
	})
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 1400 * time.Millisecond: "1 s", 59 * time.Second: "59 s", time.Minute: "1 min", 95 * time.Second: "1 min 35 s",
		3*time.Hour + 5*time.Minute + 7*time.Second: "3 h 5 min", 24 * time.Hour: "1 d", 49 * time.Hour: "2 d 1 h",
	} {
		require.Equal(t, want, span(d))
	}
}

func FuzzTemplates(f *testing.F) {
	for name, d := range defaults {
		f.Add(name, d.Subject, d.Text, "Shop", "status 503")
	}
	f.Add("down", "{{.Facts}}", "{{template \"details\"}}", "\xff", "\n")
	f.Fuzz(func(t *testing.T, name, subject, text, what, cause string) {
		if strings.Contains(subject+text, "range") { // can take as long as it likes
			return
		}
		w, err := Default().With(name, Templates{subject, text})
		if err != nil {
			require.ErrorIs(t, err, ErrTemplate)
			return
		}
		n := down(what)
		n.Cause = cause
		one, err := w.One(n, 1000)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(one.Subject), maxSubject)
		require.LessOrEqual(t, len(one.Text), 1000)
		require.NotContains(t, one.Subject, "\n")
	})
}
