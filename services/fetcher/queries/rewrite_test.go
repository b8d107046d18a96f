package queries

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var syntaxes = map[string]syntax{
	"sqlite": sqliteDialect{}.syntax(), "postgres": postgresDialect{}.syntax(), "mysql": mysqlDialect{}.syntax(),
}

func TestRewriteReplacesParameters(t *testing.T) {
	for _, row := range []struct {
		database, text, want string
		params               []string
	}{
		{"sqlite", "select :a, :b, :a", "select ?1, ?2, ?1", []string{"a", "b"}},
		{"postgres", "select :a, :b, :a", "select $1, $2, $1", []string{"a", "b"}},
		{"mysql", "select :a, :b, :a", "select ?, ?, ?", []string{"a", "b", "a"}},
		{"postgres", "select :a::int, b::text[], c:::d", "select $1::int, b::text[], c::$2", []string{"a", "d"}},
		{"postgres", "select ':a', \":b\", $$:c$$, $x$ $$:d $x$, a$b$:e", "select ':a', \":b\", $$:c$$, $x$ $$:d $x$, a$b$$1", []string{"e"}},
		{"postgres", `select E'\':a', 'it''s :b', '\', :c, e'\\', :d`, `select E'\':a', 'it''s :b', '\', $1, e'\\', $2`, []string{"c", "d"}},
		{"postgres", `select rate'\', :a`, `select rate'\', $1`, []string{"a"}},
		{"postgres", "select 1 -- :a\n/* :b /* :c */ :d */ , :e", "select 1 -- :a\n/* :b /* :c */ :d */ , $1", []string{"e"}},
		{"postgres", "select a ? 'b', c[1:2], d[:e]", "select a ? 'b', c[1:2], d[$1]", []string{"e"}},
		{"postgres", "select a # :b", "select a # $1", []string{"b"}},
		{"mysql", "select `:a`, 'x\\':b', \"\\\":c\", @v := 1, :d # :e", "select `:a`, 'x\\':b', \"\\\":c\", @v := 1, ? # :e", []string{"d"}},
		{"mysql", "select 5--:a, 1 -- :b\n, :c --\t:d", "select 5--?, 1 -- :b\n, ? --\t:d", []string{"a", "c"}},
		{"mysql", "select /* /* :a */ :b", "select /* /* :a */ ?", []string{"b"}},
		{"sqlite", "select [:a], ':b\\', :c", "select [:a], ':b\\', ?1", []string{"c"}},
		{"sqlite", " select 1 ; -- done\n", "select 1", nil},
		{"sqlite", "-- first\n/* then */ SELECT 1;;", "-- first\n/* then */ SELECT 1", nil},
		{"sqlite", "(select 1)", "(select 1)", nil},
		{"sqlite", "select ':é', :é", "select ':é', ?1", []string{"é"}},
	} {
		s, err := rewrite(row.text, syntaxes[row.database])
		require.NoError(t, err, row.text)
		require.Equal(t, row.want, s.sql, row.database)
		require.Equal(t, row.params, s.params, row.text)
	}
}

func TestRewriteRefuses(t *testing.T) {
	for _, row := range []struct{ database, text, want string }{
		{"sqlite", "", "no statement"},
		{"sqlite", " -- select 1", "no statement"},
		{"sqlite", ";", "no statement"},
		{"sqlite", "select 1; select 2", "more than one statement"},
		{"mysql", "select 1; drop table a", "more than one statement"},
		{"postgres", "select ';'; commit", "more than one statement"},
		{"sqlite", "delete from a", `it begins with "delete"`},
		{"sqlite", "pragma query_only = off", "a query reads"},
		{"mysql", "set global x = 1", "a query reads"},
		{"postgres", "'select'", "a query reads"},
		{"sqlite", "select ?", "write parameters as :name"},
		{"sqlite", "select @a", "write parameters as :name"},
		{"sqlite", "select $a", "write parameters as :name"},
		{"mysql", "select ?", "write parameters as :name"},
		{"postgres", "select $1", "write parameters as :name"},
		{"postgres", "select 'a", "not closed"},
		{"postgres", "select $a$ b", "not closed"},
		{"postgres", "select /* /* */", "not closed"},
		{"sqlite", "select [a", "not closed"},
		{"mysql", "select `a", "not closed"},
		{"mysql", `select 'a\'`, "not closed"},
	} {
		_, err := rewrite(row.text, syntaxes[row.database])
		require.ErrorContains(t, err, row.want, "%s: %s", row.database, row.text)
	}
}

func FuzzRewrite(f *testing.F) {
	for _, s := range []string{
		"select :a, ':b', :a::int -- :c", "select $$:a$$, E'\\'', [x], `y`", "select /* /* :a */ */ :b;", "with x as (select 1) select :é;--", "select 1#:a\n,:b", "select 1;;", "select a$b$",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, syn := range syntaxes {
			// Marks that no text has, so that they can be turned back.
			if strings.ContainsAny(text, "\x01\x02") {
				return
			}
			syn.repeated = true
			syn.mark = func(int) string { return "\x01" }
			s, err := rewrite(text, syn)
			if err != nil {
				continue
			}
			require.Equal(t, len(s.params), strings.Count(s.sql, "\x01"), "%s: %q", name, text)
			back := s.sql
			for _, p := range s.params {
				require.Equal(t, len(p), strings.IndexFunc(p+" ", func(r rune) bool { return r == ' ' || r == ':' || r == '\'' }), "%s: %q", name, text)
				back = strings.Replace(back, "\x01", ":"+p, 1)
			}
			require.Contains(t, text, back, "%s: nothing but the places of parameters has changed", name)
			// What was made has no parameters of ours any more, and is one statement still.
			again, err := rewrite(strings.ReplaceAll(s.sql, "\x01", "1"), syn)
			if err == nil {
				require.LessOrEqual(t, len(again.params), len(s.params))
			}
		}
	})
}
