package useragent

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// convert reads a text in memory and as a stream, which must end the same.
func convert(t *testing.T, contentType string, body []byte, keep bool) (string, string) {
	t.Helper()
	a := agent(t)
	read := func(inline int64) (string, string) {
		x, b, err := open(t.Context(), t, a, http.Header{"Content-Type": {contentType}}, bytes.NewReader(body), Want{Inline: inline, KeepCharset: keep})
		require.NoError(t, err)
		defer b.Close()
		got, whole := b.Whole()
		if !whole {
			got, err = io.ReadAll(b)
			require.NoError(t, err)
		}
		facts := x.Facts()
		require.EqualValues(t, len(got), facts.Bytes)
		return string(got), facts.Charset
	}
	whole, charset := read(1 << 20)
	stream, streamCharset := read(40 << 10) // more than what is sniffed
	require.Equal(t, whole, stream)
	require.Equal(t, charset, streamCharset)
	return whole, charset
}

func TestOpen_makes_UTF_8_of_texts(t *testing.T) {
	long := strings.Repeat("x", 60<<10)
	for name, c := range map[string]struct{ contentType, body, want, charset string }{
		"by the content type":                  {"text/plain; charset=iso-8859-1", "caf\xe9", "café", "windows-1252"},
		"by the content type, in quotes":       {`text/html; Charset="Shift_JIS"; q=1`, "\x93\xfa\x96{", "日本", "shift_jis"},
		"of other alphabets":                   {"text/csv; charset=koi8-r", "\xf0\xd2\xc9\xd7\xc5\xd4", "Привет", "koi8-r"},
		"of several bytes":                     {"text/html; charset=gb2312", "\xc4\xe3\xba\xc3", "你好", "gbk"},
		"by meta":                              {"text/html", `<meta charset="big5">` + "\xa4\xa4", `<meta charset="big5">中`, "big5"},
		"by meta of the old form":              {"text/html", `<META http-equiv=content-type content="text/html; charset=euc-jp">` + "\xc6\xfc", `<META http-equiv=content-type content="text/html; charset=euc-jp">日`, "euc-jp"},
		"by meta, even if it could be UTF-8":   {"text/html", `<meta charset=windows-1252>` + "é", `<meta charset=windows-1252>Ã©`, "windows-1252"},
		"by the content type more than meta":   {"text/html; charset=iso-8859-2", `<meta charset="big5">` + "\xb1", `<meta charset="big5">ą`, "iso-8859-2"},
		"by the XML declaration":               {"application/xml", `<?xml version="1.0" encoding='ISO-8859-15'?>` + "\xa4", `<?xml version="1.0" encoding='ISO-8859-15'?>€`, "iso-8859-15"},
		"by the XML declaration of a feed":     {"application/rss+xml", `<?xml version="1.0" encoding="windows-1251"?>` + "\xdf", `<?xml version="1.0" encoding="windows-1251"?>Я`, "windows-1251"},
		"by the XML declaration of XHTML":      {"application/xhtml+xml", `<?xml version="1.0" encoding="windows-1251"?>` + "\xdf", `<?xml version="1.0" encoding="windows-1251"?>Я`, "windows-1251"},
		"by the byte order mark":               {"text/plain", "\xff\xfea\x00\xac\x20", "a€", "utf-16le"},
		"by the byte order mark, the other":    {"text/plain; charset=utf-8", "\xfe\xff\x00a\x20\xac", "a€", "utf-16be"},
		"of XML in UTF-16 without a mark":      {"text/xml", "<\x00?\x00x\x00", "<?x", "utf-16le"},
		"of XML in UTF-16 without a mark, too": {"text/xml", "\x00<\x00?\x00x", "<?x", "utf-16be"},
		"with surrogates":                      {"text/plain; charset=utf-16le", "=\xd8\x00\xde", "😀", "utf-16le"},
		"with states":                          {"text/plain; charset=iso-2022-jp", "\x1b$BF|\x1b(B.", "日.", "iso-2022-jp"},
		"by guessing":                          {"text/plain", "caf\xe9 \x80", "café €", "windows-1252"},
		"by guessing, without a known label":   {"text/plain; charset=klingon", "caf\xe9", "café", "windows-1252"},
		"of a stream":                          {"text/html; charset=iso-8859-1", long + "caf\xe9", long + "café", "windows-1252"},
		"of a stream of several bytes":         {"text/html; charset=gb18030", "\xc4\xe3" + long + "\xba\xc3" + long, "你" + long + "好" + long, "gb18030"},
	} {
		t.Run(name, func(t *testing.T) {
			got, charset := convert(t, c.contentType, []byte(c.body), false)
			require.Equal(t, c.want, got)
			require.Equal(t, c.charset, charset)

			kept, charset := convert(t, c.contentType, []byte(c.body), true)
			require.Equal(t, c.body, kept)
			require.Empty(t, charset)
		})
	}
}

func TestOpen_leaves_alone_what_is_UTF_8_or_no_text(t *testing.T) {
	latin1 := "caf\xe9"
	for name, c := range map[string]struct{ contentType, body string }{
		"UTF-8":                        {"text/html; charset=utf-8", "<p>日本 é"},
		"UTF-8 of another spelling":    {`text/html; charset="UTF8"`, "<p>日本 é"},
		"UTF-8 with its mark":          {"text/plain", "\xef\xbb\xbfé"},
		"UTF-8 that nobody says":       {"text/plain", "é"},
		"UTF-8 that comes late":        {"text/html", strings.Repeat("x", 3000) + "é"},
		"UTF-8 by meta":                {"text/html", `<meta charset="utf-8">é`},
		"UTF-8 and a page about 1252":  {"text/html", `<p>charset=windows-1252 is old</p>é`},
		"UTF-8 cut by the sniffing":    {"text/plain", strings.Repeat("x", sniffBytes-1) + "é" + strings.Repeat("x", 20<<10)},
		"ASCII":                        {"text/plain; charset=iso-8859-1", "cafe"},
		"an XML declaration that lies": {"text/xml", `<?xml version="1.0" encoding="UTF-16"?><a>é</a>`},
		"a charset of no use":          {"text/plain; charset=iso-2022-kr", "é"},
		"JSON":                         {"application/json; charset=iso-8859-1", latin1},
		"an image":                     {"image/png", latin1},
		"no type":                      {"", latin1},
		"no valid type":                {";;;", latin1},
	} {
		t.Run(name, func(t *testing.T) {
			if len(c.body) > 40<<10 {
				got, charset := convert(t, c.contentType, []byte(c.body), false)
				require.Equal(t, c.body, got)
				require.Empty(t, charset)
			}
			_, b, err := open(t.Context(), t, agent(t), http.Header{"Content-Type": {c.contentType}}, strings.NewReader(c.body), Want{})
			require.NoError(t, err)
			got, whole := b.Whole()
			require.True(t, whole)
			require.Equal(t, c.body, string(got))
			require.Empty(t, b.x.Facts().Charset)
		})
	}
}

func TestOpen_replaces_what_is_invalid(t *testing.T) {
	long := strings.Repeat("é", 40<<10)
	for body, want := range map[string]string{
		"a\xffb\xe9":          "a\ufffdb\ufffd",
		"\xf0\x9f":            "\ufffd",
		long + "\xc3(":        long + "\ufffd(",
		long + "\xe2\x82":     long + "\ufffd",
		long + "\xed\xa0\x80": long + "\ufffd\ufffd\ufffd",
	} {
		got, charset := convert(t, "text/html; charset=utf-8", []byte(body), false)
		require.True(t, utf8.ValidString(got))
		require.Equal(t, want, got)
		require.Empty(t, charset)
	}
	got, _ := convert(t, "text/html; charset=big5", []byte("\xa4\xa4\xff\xa4"), false)
	require.Equal(t, "中\ufffd\ufffd", got)
}

func TestOpen_caps_what_a_text_becomes(t *testing.T) {
	latin1 := bytes.Repeat([]byte{0xe9}, 800)
	header := http.Header{"Content-Type": {"text/plain; charset=iso-8859-1"}}
	_, b, err := open(t.Context(), t, agent(t), header, bytes.NewReader(latin1), Want{Inline: 1000})
	require.NoError(t, err)
	_, whole := b.Whole()
	require.False(t, whole, "1600 bytes of UTF-8 are too large for the memory")
	got, err := io.ReadAll(b)
	require.NoError(t, err)
	require.Len(t, got, 1600)
	for _, inline := range []int64{10, 1500} {
		_, b, err = open(t.Context(), t, agent(t), header, bytes.NewReader(latin1), Want{Inline: inline, Max: 1500})
		if err == nil {
			_, err = io.ReadAll(b)
		}
		require.ErrorIs(t, err, errTooLarge)
	}
}

func FuzzSniff(f *testing.F) {
	f.Add([]byte(`<?xml encoding="x"?>`), "text/xml")
	f.Add([]byte(`<meta charset=`), "text/html")
	f.Fuzz(func(t *testing.T, head []byte, contentType string) {
		x := sniff(head, contentType)
		out, changed, err := x.utf8(head)
		if err == nil && !utf8.Valid(out) {
			t.Fatalf("%q is not UTF-8", out)
		}
		if !changed && !bytes.Equal(out, head) {
			t.Fatal("it was changed")
		}
	})
}
