package robots

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// The examples of RFC 9309 section 5.1, in words of our own.
const rfcExample = `
User-agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot
`

func TestCheck(t *testing.T) {
	all := func(rules ...string) string { return "User-agent: *\n" + strings.Join(rules, "\n") }
	for _, row := range []struct {
		name, file, agent, path string
		allowed                 bool
	}{
		{"an empty file allows all", "", "fetchmill", "/a", true},
		{"one that is not a robots.txt allows all", "<html><body>User-agent *</body></html>", "fetchmill", "/a", true},

		{"RFC 5.1: anyone", rfcExample, "fetchmill", "/publications/", true},
		{"RFC 5.1: anyone, no rule", rfcExample, "fetchmill", "/other", true},
		{"RFC 5.1: anyone, forbidden", rfcExample, "fetchmill", "/example/x", false},
		{"RFC 5.1: anyone, images", rfcExample, "fetchmill", "/publications.gif", false},
		{"RFC 5.1: foobot", rfcExample, "foobot", "/", false},
		{"RFC 5.1: foobot, allowed page", rfcExample, "foobot", "/example/page.html", true},
		{"RFC 5.1: foobot, allowed image", rfcExample, "foobot", "/example/allowed.gif", true},
		{"RFC 5.1: barbot", rfcExample, "barbot", "/example/page.html", false},
		{"RFC 5.1: bazbot, other page", rfcExample, "bazbot", "/example/x.gif", true},
		{"RFC 5.1: quxbot has a group without rules", rfcExample, "quxbot", "/example/", true},

		// RFC 5.2
		{"the longest rule decides", all("Allow: /example/page/", "Disallow: /example/page/disallowed.gif"), "fetchmill", "/example/page/disallowed.gif", false},
		{"the longest rule decides, whatever comes first", all("Disallow: /a", "Allow: /a/b"), "fetchmill", "/a/b/c", true},
		{"allow wins between equals", all("Disallow: /page", "Allow: /page"), "fetchmill", "/page", true},
		{"allow wins between equals that are written differently", all("Disallow: /pa%67e", "Allow: /page"), "fetchmill", "/page", true},

		// Google's documentation, "Order of precedence for rules" and "URL matching based on path values"
		{"a longer wildcard beats a shorter path", all("Allow: /page", "Disallow: /*.htm"), "fetchmill", "/page.htm", false},
		{"equal length, wildcard against path", all("Allow: /page", "Disallow: /*.ph"), "fetchmill", "/page.php5", true},
		{"the end mark", all("Allow: /$", "Disallow: /"), "fetchmill", "/", true},
		{"the end mark, not at the end", all("Allow: /$", "Disallow: /"), "fetchmill", "/page.htm", false},
		{"prefix: fish", all("Disallow: /fish"), "fetchmill", "/fishheads/yummy.html", false},
		{"prefix: fish with a query", all("Disallow: /fish"), "fetchmill", "/fish.php?id=anything", false},
		{"prefix: case matters", all("Disallow: /fish"), "fetchmill", "/Fish.asp", true},
		{"prefix: from the beginning", all("Disallow: /fish"), "fetchmill", "/catfish?id=fish", true},
		{"fish* is fish", all("Disallow: /fish*"), "fetchmill", "/fish.html", false},
		{"a folder", all("Disallow: /fish/"), "fetchmill", "/fish", true},
		{"a folder's page", all("Disallow: /fish/"), "fetchmill", "/fish/salmon.htm", false},
		{"a file type", all("Disallow: /*.php"), "fetchmill", "/folder/any.php.file.html", false},
		{"a file type that needs its dot", all("Disallow: /*.php"), "fetchmill", "/windows.PHP", true},
		{"a file type at the end", all("Disallow: /*.php$"), "fetchmill", "/folder/filename.php", false},
		{"a file type at the end, with a query", all("Disallow: /*.php$"), "fetchmill", "/filename.php?parameters", true},
		{"a file type at the end, found a second time", all("Disallow: /*.php$"), "fetchmill", "/a.php/b.php", false},
		{"wildcards within", all("Disallow: /fish*.php"), "fetchmill", "/fishheads/catfish.php?parameters", false},
		{"wildcards within, no match", all("Disallow: /fish*.php"), "fetchmill", "/Fish.PHP", true},
		{"parts may not overlap", all("Disallow: /a*a$"), "fetchmill", "/a", true},
		{"parts in their order", all("Disallow: /*b*a"), "fetchmill", "/a/b", true},
		{"many asterisks are one", all("Disallow: /a***b"), "fetchmill", "/axxb", false},
		{"an asterisk first", all("Disallow: *.gif"), "fetchmill", "/a.gif", false},
		{"a rule without its slash matches nothing", all("Disallow: private"), "fetchmill", "/private", true},
		{"an end mark alone matches nothing", all("Disallow: $"), "fetchmill", "/", true},
		{"an empty rule forbids nothing", all("Disallow:"), "fetchmill", "/", true},
		{"an empty rule allows nothing either", all("Allow:", "Disallow: /"), "fetchmill", "/", false},

		// percent-encoding: RFC 9309 section 2.2.2
		{"ASCII as it is", all("Disallow: /foo/bar?baz=quz"), "fetchmill", "/foo/bar?baz=quz", false},
		{"encoded reserved characters are others", all("Disallow: /foo/bar?baz=http%3A%2F%2Ffoo.bar"), "fetchmill", "/foo/bar?baz=http://foo.bar", true},
		{"encoded reserved characters are themselves", all("Disallow: /foo/bar?baz=http%3A%2F%2Ffoo.bar"), "fetchmill", "/foo/bar?baz=http%3a%2f%2ffoo.bar", false},
		{"UTF-8 in the rule", all("Disallow: /foo/bar/ツ"), "fetchmill", "/foo/bar/%E3%83%84", false},
		{"UTF-8 in the URL", all("Disallow: /foo/bar/%e3%83%84"), "fetchmill", "/foo/bar/ツ", false},
		{"encoded letters in the rule", all("Disallow: /foo/bar/%62%61%7A"), "fetchmill", "/foo/bar/baz", false},
		{"encoded letters in the URL", all("Disallow: /foo/bar/baz"), "fetchmill", "/foo/bar/%62%61%7a", false},
		{"an encoded asterisk stands for itself", all("Disallow: /a%2Ab"), "fetchmill", "/a*b", false},
		{"an encoded asterisk stands for nothing else", all("Disallow: /a%2Ab"), "fetchmill", "/axb", true},
		{"an encoded dollar sign", all("Disallow: /a%24"), "fetchmill", "/a$b", false},
		{"a dollar sign within", all("Disallow: /a$b"), "fetchmill", "/a$b", false},
		{"a lonely percent sign", all("Disallow: /100%"), "fetchmill", "/100%25/", false},
		{"not hexadecimal", all("Disallow: /%zz"), "fetchmill", "/%zz", false},

		// groups
		{"names without regard to case", "user-AGENT: FetchMill\nDISALLOW: /", "fetchmill", "/", false},
		{"a version after the name", "User-agent: fetchmill/1.0\nDisallow: /", "fetchmill", "/", false},
		{"a longer name is another", "User-agent: fetchmill-news\nDisallow: /", "fetchmill", "/", true},
		{"a shorter name is another", "User-agent: fetch\nDisallow: /", "fetchmill", "/", true},
		{"our group instead of everyone's", all("Disallow: /") + "\nUser-agent: fetchmill\nAllow: /", "fetchmill", "/", true},
		{"our group, not added to everyone's", all("Disallow: /a") + "\nUser-agent: fetchmill\nDisallow: /b", "fetchmill", "/a", true},
		{"groups for the same agent add up", "User-agent: fetchmill\nDisallow: /a\nUser-agent: x\nDisallow: /\nUser-agent: fetchmill\nDisallow: /b", "fetchmill", "/b", false},
		{"groups for the same agent add up, first part", "User-agent: fetchmill\nDisallow: /a\nUser-agent: x\nDisallow: /\nUser-agent: fetchmill\nDisallow: /b", "fetchmill", "/a", false},
		{"another agent's group", "User-agent: x\nDisallow: /", "fetchmill", "/", true},
		{"one group for many agents", "User-agent: x\n\n# hello\nUser-agent: fetchmill\n\nDisallow: /", "fetchmill", "/", false},
		{"other lines end no list of agents", "User-agent: x\nSitemap: https://example.com/s.xml\nUser-agent: fetchmill\nDisallow: /", "x", "/", false},
		{"other lines end no group", "User-agent: fetchmill\nDisallow: /a\nSitemap: /s\nDisallow: /b", "fetchmill", "/b", false},
		{"an empty rule ends a list of agents", "User-agent: fetchmill\nDisallow:\nUser-agent: x\nDisallow: /", "fetchmill", "/", true},
		{"rules before any agent are nobody's", "Disallow: /\nUser-agent: *\nDisallow: /a", "fetchmill", "/", true},
		{"an asterisk with something behind", "User-agent: * all of you\nDisallow: /", "fetchmill", "/", false},
		{"an asterisk that is part of a name", "User-agent: *bot\nDisallow: /", "fetchmill", "/", true},

		// lines
		{"CRLF", "User-agent: *\r\nDisallow: /a\r\nDisallow: /b\r\n", "fetchmill", "/b", false},
		{"CR", "User-agent: *\rDisallow: /a\rDisallow: /b", "fetchmill", "/b", false},
		{"a byte order mark", "\xef\xbb\xbfUser-agent: *\nDisallow: /", "fetchmill", "/", false},
		{"spaces and tabs", " \tUser-agent\t:\t* \n\t Disallow \t : \t /a \t", "fetchmill", "/a", false},
		{"comments", "User-agent: * # all\nDisallow: /a # secret\n#Disallow: /b", "fetchmill", "/a", false},
		{"a comment is no rule", "User-agent: *\n#Disallow: /b", "fetchmill", "/b", true},
		{"a comment begins within a rule", "User-agent: *\nDisallow: /a#b", "fetchmill", "/ac", false},
		{"no colon, no rule", "User-agent: *\nDisallow /", "fetchmill", "/", true},
		{"broken UTF-8", "User-agent: *\nDisallow: /\xff", "fetchmill", "/%FF", false},

		{"robots.txt itself is allowed", all("Disallow: /"), "fetchmill", "/robots.txt", true},
		{"but not what begins so", all("Disallow: /"), "fetchmill", "/robots.txt.bak", false},
		{"no path is the root", all("Disallow: /"), "fetchmill", "", false},
		{"only a query", all("Disallow: /?x"), "fetchmill", "?x", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := Parse([]byte(row.file), row.agent).Check(row.path)
			require.Equal(t, row.allowed, v.Allowed, "%+v", v)
		})
	}

	t.Run("the verdict names the rule and its line", func(t *testing.T) {
		rules := Parse([]byte("# hello\r\nUser-agent: *\r\nDisallow: /a/*.gif$ # images\r\nAllow: /a/b"), "fetchmill")
		require.Equal(t, Verdict{Rule: "Disallow: /a/*.gif$", Line: 3}, rules.Check("/a/x.gif"))
		require.Equal(t, Verdict{Allowed: true, Rule: "Allow: /a/b", Line: 4}, rules.Check("/a/b"))
		require.Equal(t, Verdict{Allowed: true}, rules.Check("/c"))
		long := Parse([]byte("User-agent: *\nDisallow: /"+strings.Repeat("ツ", 1000)), "fetchmill").Check("/" + strings.Repeat("ツ", 1000))
		require.False(t, long.Allowed)
		require.Less(t, len(long.Rule), 2*maxRuleText)
	})

	t.Run("what is beyond 500 KiB is not there, and no rule is cut", func(t *testing.T) {
		head := "User-agent: *\nAllow: /x\n"
		fill := "#" + strings.Repeat("x", MaxBytes-len(head)-len("\nDisallow: /ab")-1)
		body := []byte(head + fill + "\nDisallow: /abc\nDisallow: /d")
		rules := Parse(body, "fetchmill")
		require.True(t, rules.Check("/ab").Allowed)
		require.True(t, rules.Check("/d").Allowed)
		require.NotNil(t, Parse([]byte(strings.Repeat("x", MaxBytes+1)), "fetchmill"))
		fits := []byte(head + fill + "\nDisallow: /ab")
		require.Len(t, fits, MaxBytes)
		require.False(t, Parse(fits, "fetchmill").Check("/ab").Allowed)
	})
}

func TestCrawlDelay(t *testing.T) {
	for _, row := range []struct {
		name, file string
		want       time.Duration
	}{
		{"is in seconds", "User-agent: *\nCrawl-delay: 5\nDisallow:", 5 * time.Second},
		{"may have a fraction", "User-agent: *\nDisallow:\nCRAWL-DELAY: 0.5", 500 * time.Millisecond},
		{"is its group's", "User-agent: x\nCrawl-delay: 5\nDisallow: /a", 0},
		{"is for the agents named before it", "User-agent: x\nCrawl-delay: 5\nUser-agent: *\nDisallow: /a", 0},
		{"counts the longest", "User-agent: *\nCrawl-delay: 5\nCrawl-delay: 3", 5 * time.Second},
		{"has an end", "User-agent: *\nCrawl-delay: 1e300", 24 * time.Hour},
		{"may be infinite", "User-agent: *\nCrawl-delay: inf", 24 * time.Hour},
		{"is not negative", "User-agent: *\nCrawl-delay: -1", 0},
		{"is a number", "User-agent: *\nCrawl-delay: nan\nCrawl-delay: soon\nCrawl-delay:", 0},
		{"of our group instead of everyone's", "User-agent: *\nCrawl-delay: 5\n\nDisallow: /\nUser-agent: fetchmill\nDisallow:", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			rules := Parse([]byte(row.file), "fetchmill")
			require.Equal(t, row.want, rules.Delay())
			require.Equal(t, row.want, rules.Check("/x").Delay)
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(rfcExample), "/example/page.html")
	f.Add([]byte("\xef\xbb\xbfUser-agent:*\rDisallow:/*a*%2a$#\r\nCrawl-delay:1e9"), "/%E3%83%84?a=*$")
	f.Add([]byte("User-agent: *\nDisallow: /%"), "/%4")
	f.Fuzz(func(t *testing.T, body []byte, path string) {
		rules := Parse(body, "fetchmill")
		v := rules.Check(path)
		require.Equal(t, v, rules.Check(path))
		require.Equal(t, v.Line > 0, v.Rule != "")
		require.GreaterOrEqual(t, rules.Delay(), time.Duration(0))
		n := normalise(path)
		require.Equal(t, n, normalise(n), "once is enough")
	})
}

// slow is what a pattern means, for comparison: a search of all possibilities.
func slow(p, s string) bool {
	switch {
	case p == "":
		return true
	case p == "$":
		return s == ""
	case p[0] == '*':
		return slow(p[1:], s) || s != "" && slow(p, s[1:])
	default:
		return s != "" && p[0] == s[0] && slow(p[1:], s[1:])
	}
}

func TestPatternsMeanWhatTheySay(t *testing.T) {
	// All patterns and paths of up to 5 characters.
	var words func(alphabet string, n int) []string
	words = func(alphabet string, n int) []string {
		list := []string{""}
		if n > 0 {
			for _, w := range words(alphabet, n-1) {
				for _, c := range alphabet {
					list = append(list, w+string(c))
				}
			}
		}
		return list
	}
	paths := words("ab", 5)
	for _, w := range words("ab*", 5) {
		for _, end := range []string{"", "$"} {
			p := newPattern(w + end)
			for _, s := range paths {
				if p.matches(s) != slow(w+end, s) {
					t.Fatalf("pattern %q, path %q: %v", w+end, s, p.matches(s))
				}
			}
		}
	}
}

func ExampleRules_Check() {
	rules := Parse([]byte("User-agent: *\nDisallow: /private\nCrawl-delay: 2"), "fetchmill")
	v := rules.Check("/private/diary.html")
	fmt.Printf("allowed: %t, line %d: %s, every %s\n", v.Allowed, v.Line, v.Rule, v.Delay)
	// Output: allowed: false, line 2: Disallow: /private, every 2s
}
