package fetcher

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// fuzzArguments gives any bytes to what reads the arguments of an operation. It must refuse them for good, with a reason that users can
// do something about, or take them.
func fuzzArguments(f *testing.F, read func(testing.TB, ops.Input) error, seeds ...string) {
	f.Helper()
	for _, s := range append(seeds, ``, `{}`, `null`, `[]`, `{"x":1}`, `{`) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, with []byte) {
		err := read(t, ops.Input{With: with, ID: "id", Attempt: 1})
		if err == nil {
			return
		}
		failure, ok := errors.AsType[*ops.Failure](err)
		require.True(t, ok, "no verdict in %v", err)
		require.False(t, failure.Temporary, err)
		require.True(t, slices.Contains([]events.Reason{events.ReasonMissingParameter, events.ReasonInvalidParameter, events.ReasonForbiddenTarget}, failure.Reason), err)
		require.NotEmpty(t, err.Error())
		require.True(t, utf8.ValidString(err.Error()), "%q", err)
	})
}

func FuzzQuestion(f *testing.F) {
	fuzzArguments(f, func(t testing.TB, in ops.Input) error {
		t.Helper()
		q, err := readQuestion(in)
		if err == nil && q.kind != typePTR {
			again, err := domainName(q.name)
			require.NoError(t, err)
			require.Equal(t, q.name, again)
		}
		return err
	}, `{"name":"example.com"}`, `{"name":"bücher.example.","type":"mx"}`, `{"name":"192.0.2.1","type":"PTR"}`, `{"name":"::1%lo","type":"PTR"}`, `{"name":"."}`)
}

func FuzzConnection(f *testing.F) {
	fuzzArguments(f, func(_ testing.TB, in ops.Input) error { _, err := readConnection(in); return err },
		`{"address":"example.com:25","expect":"^220","send":"EHLO x\r\n"}`, `{"host":"::1","port":80}`, `{"address":"[::1%lo]:1","expect":"("}`)
}

func FuzzInspection(f *testing.F) {
	fuzzArguments(f, func(_ testing.TB, in ops.Input) error { _, err := readInspection(in); return err },
		`{"host":"example.com"}`, `{"host":"192.0.2.1","port":8443,"server_name":"example.com","min_days":30}`)
}

func FuzzAsking(f *testing.F) {
	allowed, err := newSubjects([]string{">", "run.>"}, "mine")
	require.NoError(f, err)
	fuzzArguments(f, func(_ testing.TB, in ops.Input) error { _, err := readAsking(in, allowed); return err },
		`{"subject":"a.b","data":"x","headers":{"X":"y"},"timeout":1.5}`, `{"subject":"$JS.API.INFO","json":{"a":[null]}}`, `{"subject":"a.*"}`)
}

func FuzzObject(f *testing.F) {
	fuzzArguments(f, func(_ testing.TB, in ops.Input) error { _, err := readObject(in, []string{"bodies"}); return err },
		`{"name":"x"}`, `{"name":"a/b","bucket":"reports"}`)
}

// FuzzSubjects takes patterns at their word: with something in place of its wildcards, a pattern that is taken allows that subject, unless it
// is one that nothing can allow.
func FuzzSubjects(f *testing.F) {
	for _, s := range []string{"a", "a.*", "a.>", "*.b.>", "run.x", "$JS.>", "a..b", ">", "run.>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		allowed, err := newSubjects([]string{pattern}, "")
		if err != nil || len(pattern) > maxSubjectLength-10 {
			return
		}
		subject := strings.NewReplacer("*", "word", ">", "some.words").Replace(pattern)
		require.True(t, matches(pattern, subject))
		require.NoError(t, allowed.check(subject))
		require.Equal(t, strings.HasSuffix(pattern, ">"), matches(pattern, subject+".more"))
	})
}
