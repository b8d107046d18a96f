package weblink_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/services/fetcher/weblink"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestFind(t *testing.T) {
	for name, c := range map[string]struct {
		fields []string
		want   string
	}{
		"one link":                          {[]string{`<https://api.example.com/repos?page=2>; rel="next"`}, "https://api.example.com/repos?page=2"},
		"one among others":                  {[]string{`<?page=1>; rel="prev", <?page=3>; rel="next", <?page=9>; rel="last"`}, "?page=3"},
		"one in the second field":           {[]string{`<a>; rel=prev`, `<b>; rel=next`}, "b"},
		"a token without quotes":            {[]string{`</p/2>;rel=next`}, "/p/2"},
		"several relations in one":          {[]string{`<x>; rel="last  NEXT"`}, "x"},
		"names in any case, spaces around":  {[]string{`<x> ;	Rel = "Next" ; title="y"`}, "x"},
		"a comma and a semicolon in a URL":  {[]string{`<x?ids=1,2;3>; rel="next"`}, "x?ids=1,2;3"},
		"a comma in a quoted title":         {[]string{`<a>; title="a, <b>; rel=\"next\""; rel=prev, <c>; rel=next`}, "c"},
		"a flag without a value":            {[]string{`<a>; crossorigin; rel=next`}, "a"},
		"empty elements":                    {[]string{`, ,<a>; rel=next, ,`}, "a"},
		"the first of two relations counts": {[]string{`<a>; rel=prev; rel=next, <b>; rel=next`}, "b"},
		"not that of another page":          {[]string{`<a>; rel=next; anchor="/other", <b>; rel=next`}, "b"},
		"what came before a fault":          {[]string{`<a>; rel=next, b; rel=next`}, "a"},
		"an empty target":                   {[]string{`<>; rel=next`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := weblink.Find(c.fields, "next")
			require.True(t, ok)
			require.Equal(t, c.want, got)
		})
	}
	for name, fields := range map[string][]string{
		"no field":                 nil,
		"no relation":              {`<a>`},
		"another relation":         {`<a>; rel="nextpage"`},
		"a relation in a title":    {`<a>; title="rel=next"`},
		"a URL without end":        {`<a; rel=next`},
		"no URL":                   {`a; rel=next`},
		"a quote without end":      {`<a>; title="b; rel=next`},
		"more than anybody writes": {strings.Repeat("<a>; rel=x,", 10_000) + `<b>; rel=next`},
	} {
		t.Run("nothing is found in "+name, func(t *testing.T) {
			_, ok := weblink.Find(fields, "next")
			require.False(t, ok)
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`<a>; rel="next"`, `<a>;rel=next,<b>;rel="x\"y"`, `<`, `<>;;;=,`, `<a>;rel="`, "<\xff>;\t\x00=\\", `,,<a>;rel="\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, field string) {
		links := weblink.Parse([]string{field, field})
		require.LessOrEqual(t, len(links), 100)
		for _, l := range links {
			require.Contains(t, field, l.Target)
			require.NotContains(t, l.Target, ">")
			for _, rel := range l.Rels {
				require.NotContains(t, rel, " ")
				require.True(t, !utf8.ValidString(field) || rel == strings.ToLower(rel))
			}
		}
	})
}
