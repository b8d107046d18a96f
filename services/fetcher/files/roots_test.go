package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestOpenReportsAllFaults(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(Config{
		Read:     []string{"nothing", "In=" + dir, "gone=" + filepath.Join(dir, "gone"), "twice=" + dir},
		Write:    []string{"twice=" + dir, "empty="},
		MaxBytes: -1,
	})
	for _, text := range []string{
		`--read-root "nothing": write NAME=DIR`, "name of the root", "no such file or directory; name a folder that is there",
		"the root twice is already " + dir, `--write-root "empty=": write NAME=DIR`, "-1 bytes is negative",
	} {
		require.ErrorContains(t, err, text)
	}
}

func TestListDescribesTheRoots(t *testing.T) {
	in, out := t.TempDir(), t.TempDir()
	r := roots(t, in, out)
	require.Equal(t, []Info{{"in", in, false}, {"out", out, true}}, r.List())
	require.Empty(t, (*Roots)(nil).List())
	require.NoError(t, (*Roots)(nil).Close())
}

func TestRootsThatAreNotThereAreForbiddenWithTheFlagThatAddsThem(t *testing.T) {
	r := roots(t, t.TempDir(), t.TempDir())
	empty, err := Open(Config{})
	require.NoError(t, err)
	for _, row := range []struct {
		name string
		do   func() error
		text string
	}{
		{"no roots at all", func() error { _, err := (*Roots)(nil).Open("in", "a"); return err }, "--read-root NAME=DIR"},
		{"no roots configured", func() error { _, err := empty.Create("out", "a"); return err }, "--write-root NAME=DIR"},
		{"another name", func() error { _, err := r.Open("inn", "a"); return err }, "there are in, out"},
		{"a root that may only be read", func() error { _, err := r.Create("in", "a"); return err }, "writable are out"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := row.do()
			fails(t, err, events.ReasonForbiddenTarget, false)
			require.ErrorContains(t, err, row.text)
		})
	}
}

func TestTheOnlyRootNeedsNoName(t *testing.T) {
	in := t.TempDir()
	require.NoError(t, os.WriteFile(in+"/a", []byte("text"), 0o600))
	one, err := Open(Config{Read: []string{"in=" + in}})
	require.NoError(t, err)
	defer one.Close()
	require.Equal(t, "text", read(t, one, "", "a"))
	_, err = one.Create("", "a")
	fails(t, err, events.ReasonForbiddenTarget, false)

	two := roots(t, in, t.TempDir())
	_, err = two.Open("", "a")
	fails(t, err, events.ReasonMissingParameter, false)
	require.ErrorContains(t, err, "there are in, out")
	w, err := two.Create("", "a")
	require.NoError(t, err)
	done, err := w.Commit()
	require.NoError(t, err)
	require.Equal(t, "out", done.Root)
}

func TestPathsThatAreNotPlainlyBelowTheRootAreRefused(t *testing.T) {
	r := roots(t, t.TempDir(), t.TempDir())
	for name, reason := range map[string]events.Reason{
		"":                          events.ReasonMissingParameter,
		"..":                        events.ReasonForbiddenTarget,
		"../x":                      events.ReasonForbiddenTarget,
		"a/../../x":                 events.ReasonForbiddenTarget,
		"/etc/passwd":               events.ReasonForbiddenTarget,
		"a//b":                      events.ReasonInvalidParameter,
		"a/":                        events.ReasonInvalidParameter,
		".":                         events.ReasonInvalidParameter,
		"./a":                       events.ReasonInvalidParameter,
		"a\x00b":                    events.ReasonInvalidParameter,
		"a\nb":                      events.ReasonInvalidParameter,
		"\xff":                      events.ReasonInvalidParameter,
		strings.Repeat("a", 256):    events.ReasonInvalidParameter,
		strings.Repeat("a/", 2050):  events.ReasonInvalidParameter,
		"x/.fetchmill-AAAA.part":    events.ReasonInvalidParameter,
		".fetchmill-AAAA.part/name": events.ReasonInvalidParameter,
	} {
		_, err := r.Open("in", name)
		fails(t, err, reason, false)
		_, err = r.Create("out", name)
		fails(t, err, reason, false)
		require.Less(t, len(err.Error()), 2000)
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"a", "a/b.txt", "../a", "/a", "a/..", "a\\..\\b", "a\x00", "é", "link/x", "out"} {
		f.Add(s)
	}
	dir := f.TempDir()
	r := roots(f, dir, dir)
	f.Fuzz(func(t *testing.T, name string) {
		if checkPath(name) != nil {
			_, err := r.Create("out", name)
			require.Error(t, err)
			return
		}
		require.True(t, filepath.IsLocal(name), "%q leads out of its root", name)
		require.Equal(t, filepath.Clean(name), name)
	})
}
