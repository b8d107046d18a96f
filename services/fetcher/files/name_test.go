package files

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestSafeName(t *testing.T) {
	for in, want := range map[string]string{
		"report.pdf":                        "report.pdf",
		"Übersicht 2026.ods":                "Übersicht 2026.ods",
		"":                                  "file",
		".":                                 "file",
		"..":                                "file",
		"...":                               "file",
		" . ":                               "file",
		".htaccess":                         "htaccess",
		"../../etc/passwd":                  "_.._etc_passwd",
		`..\..\boot.ini`:                    `_.._boot.ini`,
		"a\x00b\nc":                         "a_b_c",
		"a\xffb":                            "a_b",
		"-rf":                               "_rf",
		"exe\u202egpj.":                     "exe_gpj",
		"a?b=c&d":                           "a_b=c&d",
		strings.Repeat("x", 300) + ".jpeg":  strings.Repeat("x", 195) + ".jpeg",
		strings.Repeat("é", 150):            strings.Repeat("é", 100),
		"a." + strings.Repeat("b", 300):     "a." + strings.Repeat("b", 198),
		strings.Repeat("x", 199) + ". .jpg": strings.Repeat("x", 196) + ".jpg",
	} {
		require.Equal(t, want, SafeName(in), "%q", in)
	}
}

func TestURLName(t *testing.T) {
	for in, want := range map[string]string{
		"https://example.com":                    "index",
		"https://example.com/a/":                 "index",
		"https://example.com/a/b.jpg?c=d/e.f#g":  "b.jpg",
		"https://example.com/a%2f..%2f.b":        "b",
		"https://example.com/%2e%2e":             "file",
		"https://example.com/caf%C3%A9.html":     "café.html",
		"https://example.com/%00":                "_",
		"https://example.com/a/..%5c..%5cb.html": "_.._b.html",
	} {
		u, err := url.Parse(in)
		require.NoError(t, err)
		require.Equal(t, want, URLName(u), in)
	}
}

func FuzzSafeName(f *testing.F) {
	for _, s := range []string{"", ".", "..", "a/b", "\x00", "-", ".a", "a. ", "\u202e", strings.Repeat("é", 200), strings.Repeat("x", 250) + ". ", "CON", ". -", strings.Repeat("x", 183) + " ." + strings.Repeat(" ", 15) + "x"} {
		f.Add(s)
	}
	dir := f.TempDir()
	r := roots(f, dir, dir)
	f.Fuzz(func(t *testing.T, s string) {
		name := SafeName(s)
		require.NotEmpty(t, name)
		require.LessOrEqual(t, len(name), maxNameBytes)
		require.True(t, utf8.ValidString(name))
		require.Equal(t, filepath.Base(name), name, "one element")
		require.NotContains(t, ".-", name[:1])
		require.Equal(t, name, SafeName(name), "a safe name stays as it is")
		w, err := r.Create("out", name)
		require.NoError(t, err)
		_, err = w.Commit()
		require.NoError(t, err)
		require.NoError(t, r.byName["out"].handle.Remove(name))
	})
}

func TestExpand(t *testing.T) {
	v := Vars{Index: 6, ID: "s33K", Name: "photo.JPG", ContentType: "image/png; q=1"}
	for template, want := range map[string]string{
		"image{n}.jpg":     "image7.jpg",
		"{n}-{name}":       "7-photo.JPG",
		"a/{id}/{n}.{ext}": "a/s33K/7.png",
		"plain.txt":        "plain.txt",
		"}{n}":             "}7",
		"":                 "",
	} {
		got, err := Expand(template, v)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, template := range []string{"{", "{}", "{n", "{N}", "{x}", "a{{n}}", strings.Repeat("{name}", 1000)} {
		_, err := Expand(template, Vars{Name: "long name"})
		fails(t, err, events.ReasonInvalidParameter, false)
	}
}

func TestExpandFindsTheExtension(t *testing.T) {
	for _, row := range []struct{ contentType, name, want string }{
		{"image/jpeg", "photo.php", "jpg"},
		{"IMAGE/WEBP; a=b", "", "webp"},
		{"text/plain", "notes.md", "md"},
		{"application/octet-stream", "setup.EXE", "exe"},
		{"", "archive.tar.gz", "gz"},
		{"text/plain; charset=utf-8", "README", "txt"},
		{"", "a.too-long-for-one", "bin"},
		{"nonsense", "", "bin"},
		{"", "a.", "bin"},
	} {
		got, err := Expand("{ext}", Vars{Name: row.name, ContentType: row.contentType})
		require.NoError(t, err)
		require.Equal(t, row.want, got, row)
	}
}

func FuzzExpand(f *testing.F) {
	f.Add("image{n}.{ext}", "a/b", "../x", "image/png", int64(0))
	f.Add("{name}/{id}", "..", "/", "a/b; c", int64(-5))
	f.Fuzz(func(t *testing.T, template, id, name, contentType string, index int64) {
		got, err := Expand(template, Vars{Index: index, ID: id, Name: name, ContentType: contentType})
		if err != nil {
			return
		}
		require.Equal(t, strings.Count(template, "/"), strings.Count(got, "/"), "what is filled in adds no folder")
		if checkPath(got) == nil {
			require.True(t, filepath.IsLocal(got))
		}
	})
}
