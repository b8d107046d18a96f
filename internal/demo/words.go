package demo

import (
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/internal/sandbox"
	"github.com/fetchmill/fetchmill/internal/site"
)

// paint colours text, or leaves it as it is.
type paint bool

func (c Config) paint() paint { return paint(c.Color) }

func (p paint) with(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p paint) bold(s string) string  { return p.with("1", s) }
func (p paint) dim(s string) string   { return p.with("2", s) }
func (p paint) red(s string) string   { return p.with("31", s) }
func (p paint) green(s string) string { return p.with("32", s) }

func (c Config) say(format string, args ...any) { fmt.Fprintf(c.Err, format+"\n", args...) }

func (c Config) welcome(s *sandbox.Sandbox, web *site.Server) {
	p := c.paint()
	where := "removed at the end"
	if c.Keep {
		where = "kept"
	}
	c.say("\n  %s  everything in one process, nothing leaves this machine\n", p.bold("fetchmill demo"))
	line := func(name, value, what string) { c.say("  %-8s %-30s %s", name, value, p.dim(what)) }
	line("broker", s.NATSURL, "NATS with JetStream, embedded")
	line("http", s.HTTPURL, "intake, queries, /metrics")
	line("data", s.Dir, where)
	line("site", web.URL, "pages that are fast, slow, flaky,")
	line("", "", "missing, failing, or hang for ever")
	c.say("\n  %s\n", p.dim("work ─▶ ingest ─▶ fetcher ─▶ cruncher ─▶ sink ─▶ one result per item"))
}

func (c Config) farewell(s *sandbox.Sandbox, batches []batch, took time.Duration) {
	p := c.paint()
	items := 0
	for _, b := range batches {
		items += len(b.items)
	}
	c.say("  %s in %.1f s. Each ended as exactly one row in the database.", p.bold(fmt.Sprintf("%d items", items)), took.Seconds())
	c.say("  What hung was given up after %s; flaky pages were tried again until they", c.Patience)
	c.say("  worked; the network guard refused the one address that is not allowed.\n")
	c.say("  %s", p.bold("Where to go from here"))
	hint := func(command, what string) { c.say("    %-50s %s", command, p.dim(what)) }
	if c.Keep {
		c.say("    %s", p.dim("with the data of this demonstration:"))
		hint("fetchmill up --data "+s.Dir, "")
		hint("fetchmill results --batch page --status failed", "the failed ones")
		hint("fetchmill batch show uptime", "one batch")
		hint("fetchmill dead ls", "what failed, to look at")
		c.say("    %s", p.dim("and when you have seen enough: rm -r "+s.Dir))
		return
	}
	hint("fetchmill up", "start it for real")
	hint("fetchmill submit page https://example.com --wait", "fetch a page")
	hint("fetchmill submit uptime -f urls.txt --wait", "check many")
	hint("fetchmill run count 10000000", "ask and get an answer")
	hint("nats pub work.uptime https://example.com", "from any language")
	hint("fetchmill demo --keep", "look at the results")
}
