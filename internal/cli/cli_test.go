package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

type pair struct {
	Name string `json:"name"`
	N    int    `json:"n"`
}

func columns() []cli.Column[pair] {
	return []cli.Column[pair]{
		{Name: "first_name", Text: func(p pair) string { return p.Name }},
		{Name: "n", Text: func(p pair) string { return strconv.Itoa(p.N) }, Wide: true},
	}
}

func TestWriter(t *testing.T) {
	rows := []pair{{"a,b", 1}, {"c", 2}}
	for _, c := range []struct {
		format cli.Format
		rows   []pair
		want   string
	}{
		{cli.Table, rows, "FIRST NAME\na,b\nc\n"},
		{cli.JSON, rows, "[{\"name\":\"a,b\",\"n\":1},\n{\"name\":\"c\",\"n\":2}]\n"},
		{cli.NDJSON, rows, "{\"name\":\"a,b\",\"n\":1}\n{\"name\":\"c\",\"n\":2}\n"},
		{cli.NDJSON, []pair{{"a&b<c>", 1}}, "{\"name\":\"a&b<c>\",\"n\":1}\n"},
		{cli.CSV, rows, "first_name,n\n\"a,b\",1\nc,2\n"},
		{cli.Table, nil, "FIRST NAME\n"},
		{cli.JSON, nil, "[]\n"},
		{cli.NDJSON, nil, ""},
		{cli.CSV, nil, "first_name,n\n"},
	} {
		var b bytes.Buffer
		require.NoError(t, cli.NewWriter(&b, c.format, columns()).All(cli.Each(c.rows), 0))
		require.Equal(t, c.want, b.String(), c.format)
	}

	t.Run("keeps escape sequences and long texts off the terminal", func(t *testing.T) {
		var b bytes.Buffer
		require.NoError(t, cli.NewWriter(&b, cli.Table, columns()).All(cli.Each([]pair{{"\x1b[2Jx\ny\tz", 1}, {strings.Repeat("ä", 100), 1}}), 0))
		require.Contains(t, b.String(), "·[2Jx·y·z")
		require.Contains(t, b.String(), strings.Repeat("ä", 71)+"…\n")
	})
	t.Run("stops at the limit, and at an error with what has come before", func(t *testing.T) {
		var b bytes.Buffer
		require.NoError(t, cli.NewWriter(&b, cli.NDJSON, columns()).All(cli.Each(rows), 1))
		require.Equal(t, 1, strings.Count(b.String(), "\n"))

		b.Reset()
		boom := errors.New("boom")
		err := cli.NewWriter(&b, cli.NDJSON, columns()).All(func(yield func(pair, error) bool) {
			_ = yield(rows[0], nil) && yield(pair{}, boom)
		}, 0)
		require.ErrorIs(t, err, boom)
		require.Equal(t, 1, strings.Count(b.String(), "\n"))
	})
}

func collect(t *testing.T, args []string, file, stdin string) ([]client.Item, error) {
	t.Helper()
	var items []client.Item
	for it, err := range cli.Items(args, file, strings.NewReader(stdin)) {
		if err != nil {
			return items, err
		}
		items = append(items, it)
	}
	return items, nil
}

func TestItems(t *testing.T) {
	csv := filepath.Join(t.TempDir(), "a.CSV")
	write := func(text string) { require.NoError(t, os.WriteFile(csv, []byte(text), 0o600)) }

	t.Run("are arguments first, then lines", func(t *testing.T) {
		items, err := collect(t, []string{"one", `{"n":2}`}, "-", "\xef\xbb\xbfthree\r\n\n  \n {\"n\":4}\nfive")
		require.NoError(t, err)
		require.Equal(t, []client.Item{
			{Text: "one"}, {Params: json.RawMessage(`{"n":2}`)}, {Text: "three"}, {Params: json.RawMessage(`{"n":4}`)}, {Text: "five"},
		}, items)
	})
	t.Run("are one without parameters when nothing is given", func(t *testing.T) {
		items, err := collect(t, nil, "", "unread")
		require.NoError(t, err)
		require.Equal(t, []client.Item{{}}, items)
	})
	t.Run("are rows of a CSV file", func(t *testing.T) {
		write("\xef\xbb\xbfurl,n\n\"a,b\",5\nc,\n")
		items, err := collect(t, nil, csv, "")
		require.NoError(t, err)
		require.Len(t, items, 2)
		require.JSONEq(t, `{"url":"a,b","n":5}`, string(items[0].Params))
		require.JSONEq(t, `{"url":"c"}`, string(items[1].Params))
	})
	t.Run("tell where they cannot be read", func(t *testing.T) {
		_, err := collect(t, nil, "-", "a\n{b\n")
		require.ErrorIs(t, err, cli.ErrInput)
		require.ErrorContains(t, err, "stdin:2:")
		_, err = collect(t, nil, "-", strings.Repeat("x", 9<<20))
		require.ErrorIs(t, err, cli.ErrInput)
		_, err = collect(t, nil, csv+"x", "")
		require.ErrorIs(t, err, os.ErrNotExist)
		for _, torn := range []string{"", "a,\n1,2\n", "a,b\n1\n", "a\n\"1\n"} {
			write(torn)
			_, err = collect(t, nil, csv, "")
			require.ErrorIs(t, err, cli.ErrInput, torn)
			require.ErrorContains(t, err, csv)
		}
	})
}

func TestParams(t *testing.T) {
	p, err := cli.Params([]string{"n=5", "s=a=b", "quoted=\"5\"", "flag=true", "zip=01234", "empty="})
	require.NoError(t, err)
	data, err := json.Marshal(p)
	require.NoError(t, err)
	require.JSONEq(t, `{"n":5,"s":"a=b","quoted":"5","flag":true,"zip":"01234","empty":""}`, string(data))
	for _, bad := range []string{"n", "=5", ""} {
		_, err := cli.Params([]string{bad})
		require.ErrorIs(t, err, cli.ErrInput)
	}
}

func TestStatusOf(t *testing.T) {
	require.Equal(t, 0, cli.StatusOf(nil))
	require.Equal(t, 1, cli.StatusOf(errors.New("x")))
	require.Equal(t, 2, cli.StatusOf(cli.Failed()))
	require.NoError(t, cli.BatchExit(&events.Batch{State: events.BatchStateDone, OK: 1}))
	for _, b := range []events.Batch{
		{State: events.BatchStateDone, Failed: 1},
		{State: events.BatchStateDone, Cancelled: 1},
		{State: events.BatchStateCancelled},
		{State: events.BatchStateExpired},
	} {
		require.Equal(t, 2, cli.StatusOf(cli.BatchExit(&b)), b.State)
	}
}

func FuzzItems(f *testing.F) {
	f.Add("a\n\n{\"n\":1}\n")
	f.Add("\xef\xbb\xbf{")
	f.Fuzz(func(t *testing.T, text string) {
		for it, err := range cli.Items(nil, "-", strings.NewReader(text)) {
			switch {
			case err != nil:
				require.ErrorIs(t, err, cli.ErrInput)
			case it.Params != nil:
				require.True(t, json.Valid(it.Params))
			default:
				require.NotEmpty(t, it.Text)
			}
		}
	})
}
