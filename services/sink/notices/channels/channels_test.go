package channels

import (
	"bytes"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/sink/notices/outlet"
	"github.com/fetchmill/fetchmill/services/sink/notices/wording"
)

var surroundings = Config{
	Secrets: secret.Source{
		Getenv: func(name string) (string, bool) {
			v, ok := map[string]string{"PASSWORD": "s3cr3t", "NTFY": "ntfy://:s3cr3t-token@ntfy.example.com/s3cr3t-topic"}[name]
			return v, ok
		},
		ReadFile: func(path string) ([]byte, error) {
			if path == "/run/secrets/hook" {
				return []byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), nil
			}
			return nil, os.ErrNotExist
		},
	},
	Reach: outlet.Reach{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
}

const good = `
batch_done:
  - {recipes: [nightly], channels: [ops, hook]}
  - {channels: [ops], unwell: true}
dead_letters: {channels: [ops], at: 10, every: 30m}
channels:
  ops:
    email:
      server: smtp.example.com
      user: fetchmill
      password: ${PASSWORD}
      from: fetchmill <alerts@example.com>
      to: ["{{.Owner}}", "ops@example.com, Ada <ada@example.com>"]
    digest: {from: 3}
    templates:
      down: {subject: "!! {{.What}}"}
  hook:
    webhook:
      url: https://example.com/hooks?token=${PASSWORD}
      key: ${file:/run/secrets/hook}
      headers: {Authorization: "Bearer ${PASSWORD}"}
    concurrency: 8
    max_age: 72h
    allow_net: [192.168.0.0/16]
  phone:
    shoutrrr: {url: "${NTFY}"}
    pace: {every: 1m}
templates:
  up: {}
`

func TestParse(t *testing.T) {
	c, err := Parse([]byte(strings.Replace(good, "up: {}", "resolved: {subject: 'fine: {{.What}}'}", 1)), surroundings)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	require.Equal(t, "hook (webhook), ops (email), phone (shoutrrr)", c.String())

	ops := c.Find("ops")
	require.Equal(t, Digest{From: 3, Most: 100}, ops.Digest)
	require.Equal(t, Pace{Burst: 10, Every: 5 * time.Second}, ops.Pace)
	require.Equal(t, 24*time.Hour, ops.MaxAge)
	n := &events.Notice{ID: "n", Kind: events.NoticeDown, Channel: "ops", What: "shop", At: time.Now()}
	words, err := ops.Wording.One(n, wording.MaxText)
	require.NoError(t, err)
	require.Equal(t, "!! shop", words.Subject)
	words, err = c.Find("hook").Wording.One(n, wording.MaxText)
	require.NoError(t, err)
	require.Equal(t, "DOWN: shop", words.Subject)
	n.Kind = events.NoticeResolved
	for _, name := range c.Names() {
		words, err = c.Find(name).Wording.One(n, wording.MaxText)
		require.NoError(t, err)
		require.Equal(t, "fine: shop", words.Subject, "for all channels")
	}
	to, err := ops.Outlet.Audience(n)
	require.NoError(t, err)
	require.Equal(t, "ops@example.com,ada@example.com", to)

	hook := c.Find("hook")
	require.Equal(t, 8, hook.Concurrency)
	require.Equal(t, 72*time.Hour, hook.MaxAge)
	require.Zero(t, hook.Digest, "programs are told of each")
	require.Equal(t, Pace{Burst: 10, Every: time.Minute}, c.Find("phone").Pace)
	require.Equal(t, 1900, c.Find("phone").MaxText)

	require.Equal(t, []BatchRule{{Channels: []string{"hook", "ops"}, Recipes: []string{"nightly"}}, {Channels: []string{"ops"}, Unwell: true}}, c.BatchRules())
	require.Equal(t, DeadLetterRule{Channels: []string{"ops"}, At: 10, Every: 30 * time.Minute}, c.DeadLetterRule())
}

func TestParse_tells_all_faults_with_their_lines_and_no_secret(t *testing.T) {
	_, err := Parse([]byte(good), surroundings)
	require.ErrorContains(t, err, "line 29: unusable template: there is nothing called \"up\"")
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"several": {"channels:\n  a:\n    webhook:\n      url: s3cr3t\n      key: s3cr3t\n  b: {}\nother: s3cr3t\n", []string{
			"line 4: url must be one", "line 5: key: write whsec_", "line 6: channel b needs one of", "line 7: the file has a key that is not known",
		}},
		"two kinds":                   {"channels: {a: {shoutrrr: {url: 'ntfy://x.y/s3cr3t'}, webhook: {url: 'https://s3cr3t.com'}}}", []string{"needs one of"}},
		"a bad name":                  {"channels: {A.b: {}}", []string{"the name of a channel"}},
		"an unknown key":              {"channels: {a: {s3cr3t: 1, shoutrrr: {url: 'ntfy://x.y/t'}}}", []string{"has a key that is not known"}},
		"a variable that is not set":  {"channels: {a: {shoutrrr: {url: '${NONE}'}}}", []string{"NONE is not set"}},
		"a file that is not there":    {"channels: {a: {webhook: {url: 'https://a.b', key: '${file:/none}'}}}", []string{"cannot be read"}},
		"no URL of shoutrrr":          {"channels: {a: {shoutrrr: {url: 's3cr3t'}}}", []string{"write a URL of shoutrrr"}},
		"a webhook without key":       {"channels: {a: {webhook: {url: 'https://s3cr3t.example.com'}}}", []string{"needs key"}},
		"a webhook without URL":       {"channels: {a: {webhook: {key: 's3cr3t'}}}", []string{"needs url"}},
		"a header that is not theirs": {"channels: {a: {webhook: {url: 'https://a.b', key: '${file:/run/secrets/hook}', headers: {Host: s3cr3t}}}}", []string{"cannot set"}},
		"a header with a line break":  {"channels: {a: {webhook: {url: 'https://a.b', key: '${file:/run/secrets/hook}', headers: {X-A: \"s3cr3t\\n\"}}}}", []string{"line break"}},
		"an address that is none":     {"channels: {a: {email: {server: a.b, from: s3cr3t, to: [x@y.z]}}}", []string{"from is an e-mail address"}},
		"a recipient that is none":    {"channels: {a: {email: {server: a.b, from: x@y.z, to: [s3cr3t]}}}", []string{"no e-mail address"}},
		"a recipient of nothing":      {"channels: {a: {email: {server: a.b, from: x@y.z, to: ['{{.S3cr3t}}']}}}", []string{"no e-mail address"}},
		"a server that is none":       {"channels: {a: {email: {server: 'a/s3cr3t', from: x@y.z, to: [x@y.z]}}}", []string{"server is a host"}},
		"a port that is none":         {"channels: {a: {email: {server: 'a.b:s3cr3t', from: x@y.z, to: [x@y.z]}}}", []string{"a port that is none"}},
		"half a login":                {"channels: {a: {email: {server: a.b, from: x@y.z, to: [x@y.z], password: s3cr3t}}}", []string{"both user and password"}},
		"half an e-mail":              {"channels: {a: {email: {server: a.b}}}", []string{"needs server, from and to"}},
		"a security that is none":     {"channels: {a: {email: {server: a.b, from: x@y.z, to: [x@y.z], tls: s3cr3t}}}", []string{"starttls, implicit or none"}},
		"numbers out of range":        {"channels: {a: {shoutrrr: {url: 'ntfy://x.y/t'}, concurrency: 0, timeout: 1ms, max_age: s3cr3t, max_text: 9, digest: {from: 1}, pace: {burst: 0}}}", []string{"concurrency is a whole", "timeout is a duration", "max_age is a duration", "max_text is", "from is a whole", "burst is a whole"}},
		"a network that is none":      {"channels: {a: {shoutrrr: {url: 'ntfy://x.y/t'}, allow_net: [s3cr3t]}}", []string{"allow_net: write networks"}},
		"a ca that is not there":      {"channels: {a: {shoutrrr: {url: 'ntfy://x.y/t'}, ca: /none.pem}}", []string{"ca: open /none.pem"}},
		"rules about other channels":  {"batch_done: [{channels: [b]}]\ndead_letters: {channels: [c]}", []string{"there is no channel b", "there is no channel c"}},
		"rules about nobody":          {"batch_done: [{recipes: [a]}]\ndead_letters: {at: 1}", []string{"a rule of batch_done needs channels", "dead_letters needs channels"}},
		"a rule that is none":         {"batch_done: s3cr3t", []string{"is a list of rules"}},
		"a list":                      {"- s3cr3t", []string{"the file must have keys"}},
		"no YAML":                     {"channels: [s3cr3t", []string{"this is not YAML"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.text), surroundings)
			require.ErrorIs(t, err, ErrFile)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "s3cr3t")
		})
	}
	for _, empty := range []string{"", "# nothing\n", "null", "channels: {}"} {
		c, err := Parse([]byte(empty), surroundings)
		require.NoError(t, err)
		require.Empty(t, c.Names())
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "channels.yaml")
	require.NoError(t, os.WriteFile(path, []byte("channels: {phone: {shoutrrr: {url: 'ntfy://ntfy.example.com/topic'}}}"), 0o600))
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	c, err := Load(path, surroundings, logger)
	require.NoError(t, err)
	require.Equal(t, []string{"phone"}, c.Names())
	require.Empty(t, log.String())
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = Load(path, surroundings, logger)
	require.NoError(t, err)
	require.Contains(t, log.String(), "chmod o-r")
	require.NoError(t, os.WriteFile(path, []byte("x: 1"), 0o600))
	_, err = Load(path, surroundings, logger)
	require.ErrorContains(t, err, path)
	_, err = Load(path+".none", surroundings, logger)
	require.ErrorIs(t, err, os.ErrNotExist)
	c, err = Load("", surroundings, logger)
	require.NoError(t, err)
	require.Empty(t, c.Names())
	require.Nil(t, c.Find("x"))
	require.NoError(t, c.Close())
}

func TestBatchRule(t *testing.T) {
	done := func(recipe string, failed int64) *events.Batch {
		return &events.Batch{Batch: "b", Recipe: recipe, State: events.BatchStateDone, OK: 1, Failed: failed}
	}
	require.True(t, BatchRule{}.Applies(done("page", 0)))
	require.True(t, BatchRule{Recipes: []string{"page"}}.Applies(done("page", 0)))
	require.False(t, BatchRule{Recipes: []string{"page"}}.Applies(done("count", 0)))
	require.False(t, BatchRule{Unwell: true}.Applies(done("page", 0)))
	require.True(t, BatchRule{Unwell: true}.Applies(done("page", 1)))
	require.True(t, BatchRule{Unwell: true}.Applies(&events.Batch{State: events.BatchStateExpired}))
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("channels: {a: {email: {server: '[::1]:25', tls: none, from: x@y.z, to: ['{{.Owner}}']}, digest: false}}")
	f.Add("channels: &a {<<: *a}")
	f.Add("channels: {a: {webhook: {url: 'http://[::1%25eth0]/', keys: ['${file:/run/secrets/hook}', '${file:/run/secrets/hook}']}}}")
	f.Add("templates: {down: {text: '{{.}}'}, digest: {subject: '{{.Summary}}'}}")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "range") || strings.Contains(text, "/") && strings.Contains(text, "ca:") {
			return // a loop can take as long as it likes, and a certificate can be anywhere
		}
		c, err := Parse([]byte(text), surroundings)
		if err != nil {
			require.ErrorIs(t, err, ErrFile)
			return
		}
		for _, name := range c.Names() {
			ch := c.Find(name)
			require.NotNil(t, ch.Outlet)
			require.Positive(t, ch.Concurrency)
			require.Positive(t, ch.MaxAge)
		}
		require.NoError(t, c.Close())
	})
}
