package ingest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/ingest"

	"github.com/stretchr/testify/require"
)

const (
	ndjson = "Content-Type: application/x-ndjson"
	csvs   = "Content-Type: text/csv; header=present"
)

// keys are the keys of what was published, in order.
func (c *capture) keys(t testing.TB) []string {
	t.Helper()
	keys := []string{}
	for _, o := range c.out {
		keys = append(keys, item(t, o).Key)
	}
	return keys
}

func TestHTTP_accepts_many_items(t *testing.T) {
	for name, c := range map[string]struct {
		path, body, header string
		keys               []string
		indices            []int64
	}{
		"NDJSON": {
			"/v1/work/count", "{\"n\":1}\r\n\n 2 \n\"3\"\n{\"n\":4}", ndjson,
			[]string{"4", "3", "2", "1"}, // slowest first
			[]int64{4, 3, 2, 0},
		},
		"CSV": {
			"/v1/work/json", "\ufeffurl, select\nhttp://a/,.x\n\nhttp://b/,\n\"http://c/\",\".a,\n.b\"\n", csvs,
			[]string{"http://a/", "http://b/", "http://c/"},
			[]int64{0, 1, 2},
		},
		"a list of addresses": {
			"/v1/work/page", "# a comment\r\nhttp://a/\r\n\r\nhttp://b/#x\r\n", "Content-Type: text/uri-list",
			[]string{"http://a/", "http://b/#x"},
			[]int64{1, 3},
		},
		"lines": {
			"/v1/work/noop?lines=1", "\xef\xbb\xbf# text\n{not json\n  x  ", "Content-Type: text/plain",
			[]string{"# text", "{not json", "x"},
			[]int64{0, 1, 2},
		},
		"nothing": {"/v1/work/noop?lines=1", "", "Content-Type: text/plain", []string{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var pub capture
			a := send(t, &pub, c.path, c.body, c.header, "Batch: b1", "Lane: low")
			require.Equal(t, 200, a.status, a.body)
			n := float64(len(c.keys))
			require.Equal(t, map[string]any{"accepted": n, "duplicates": 0.0, "rejected": []any{}, "rejected_total": 0.0}, a.body)
			require.Equal(t, c.keys, pub.keys(t))
			for i, o := range pub.out {
				it := item(t, o)
				require.Equal(t, c.indices[i], it.Index)
				require.Equal(t, events.IDFromKey(fmt.Sprintf("b1/%d", it.Index)), it.ID)
				require.Equal(t, "b1", it.Batch)
				require.Equal(t, events.LaneLow, it.Lane)
			}

			a = send(t, &pub, c.path, c.body, c.header, "Batch: b1", "Lane: low")
			require.Equal(t, n, a.body["accepted"])
			require.Equal(t, n, a.body["duplicates"])
		})
	}
}

func TestHTTP_tells_which_lines_it_rejects(t *testing.T) {
	long, deep := strings.Repeat("x", 256<<10+1), strings.Repeat("[", 1001)+strings.Repeat("]", 1001)
	for name, c := range map[string]struct {
		path, body, header string
		accepted           int
		rejected           string
	}{
		"NDJSON": {
			"/v1/work/count", "{\"n\":1}\n{\"n\":\n\n{}\n{\"m\":1}\n" + long + "\n2\n\"" + long, ndjson, 2,
			"2 bad_input, 4 missing_parameter, 5 invalid_parameter, 6 too_large, 8 too_large",
		},
		"CSV": {
			"/v1/work/count", "n\n1\nx\n1,2\n\"\n\"\n\xff\n2\nb\"c\n3\n", csvs, 3,
			"3 invalid_parameter, 4 bad_input, 5 invalid_parameter, 7 bad_input, 9 bad_input",
		},
		"deep cells": {"/v1/work/free", "a\n" + deep + "\n" + deep[2:2000] + "\n", csvs, 1, "2 invalid_parameter"},
		"deep lines": {"/v1/work/free?lines", deep + "\n" + deep[2:2000] + "\n", "Content-Type: text/plain", 1, "1 invalid_parameter"},
		"lines":      {"/v1/work/page?lines", "http://a/\nb\n\xff\n", "Content-Type: text/plain", 1, "2 invalid_parameter, 3 bad_input"},
	} {
		t.Run(name, func(t *testing.T) {
			var pub capture
			a := send(t, &pub, c.path, c.body, c.header)
			require.Equal(t, 200, a.status, a.body)
			var got []string
			for _, r := range a.body["rejected"].([]any) {
				r := r.(map[string]any)
				require.NotEmpty(t, r["error"])
				got = append(got, fmt.Sprint(r["line"], " ", r["reason"]))
			}
			require.Equal(t, c.rejected, strings.Join(got, ", "))
			require.EqualValues(t, c.accepted, a.body["accepted"])
			require.Len(t, pub.out, c.accepted)
		})
	}
}

func TestHTTP_lists_only_the_first_of_many_rejected_lines(t *testing.T) {
	var pub capture
	a := send(t, &pub, "/v1/work/count?lines=1", strings.Repeat("x\n", 250)+"1\n")
	require.Len(t, a.body["rejected"], 100)
	require.EqualValues(t, 250, a.body["rejected_total"])
	require.EqualValues(t, 1, a.body["accepted"])
}

func TestHTTP_refuses_a_table_that_cannot_be_read(t *testing.T) {
	for name, c := range map[string]struct {
		body, want string
		status     int
	}{
		"an empty one":         {"", "its first row names the parameters", 400},
		"with a foreign name":  {"n,colour\n1,red\n", `unknown parameter "colour"`, 400},
		"with a huge head":     {`"` + strings.Repeat("x", 300<<10), "more than 262144 bytes", 413},
		"with a broken head":   {"a\"b\n", "cannot be read", 400},
		"with an endless cell": {"n\n1\n\"" + strings.Repeat("x\n", 300<<10), "quotation mark is not closed", 413},
	} {
		t.Run(name, func(t *testing.T) {
			var pub capture
			a := send(t, &pub, "/v1/work/count", c.body, csvs)
			require.Equal(t, c.status, a.status)
			require.Contains(t, a.body["detail"], c.want)
		})
	}
}

func TestHTTP_says_where_to_go_on_after_a_full_stream(t *testing.T) {
	var body bytes.Buffer
	for i := range 2000 {
		if i == 10 {
			body.WriteString("not a number\n")
		}
		fmt.Fprintf(&body, "%d\n", i)
	}
	pub := capture{full: 700}
	a := send(t, &pub, "/v1/work/count?lines=1", body.String(), "Idempotency-Key: load-1")
	require.Equal(t, 503, a.status)
	require.Equal(t, "1", a.header.Get("Retry-After"))
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	require.EqualValues(t, 700, a.body["accepted"])
	require.EqualValues(t, 1, a.body["rejected_total"])
	require.EqualValues(t, 702, a.body["next_line"], "701 lines are done with: one was rejected")

	pub.full = 0
	a = send(t, &pub, "/v1/work/count?lines=1", body.String(), "Idempotency-Key: load-1")
	require.Equal(t, 200, a.status)
	require.EqualValues(t, 2000, a.body["accepted"])
	require.EqualValues(t, 700, a.body["duplicates"])
	require.Len(t, pub.out, 2000)
	require.Equal(t, "1999", pub.keys(t)[1999])
}

func TestHTTP_accepts_what_came_before_the_connection_broke(t *testing.T) {
	var pub capture
	body := &brokenBody{strings.NewReader("1\n2\nx\n3")}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/work/count?lines=1", body)
	ingest.NewHandler(intake(t), &pub).ServeHTTP(w, r)
	require.Equal(t, 400, w.Code)
	require.Contains(t, w.Body.String(), `"accepted":2`)
	require.Contains(t, w.Body.String(), `"next_line":4`)
	require.Equal(t, []string{"1", "2"}, pub.keys(t))
}

// brokenBody breaks where it should end.
type brokenBody struct{ *strings.Reader }

func (b *brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil {
		err = fmt.Errorf("connection reset")
	}
	return n, err
}

func FuzzHTTPLines(f *testing.F) {
	in := intake(f)
	types := []string{"application/x-ndjson", "text/csv", "text/uri-list", "text/plain"}
	f.Add("{\"url\":\"http://h/\"}\n\"x\"\n", uint8(0))
	f.Add("url,select\nhttp://h/,\"a\nb\"\n\"", uint8(1))
	f.Add("# c\r\nhttp://h/\r\n", uint8(2))
	f.Add("\xef\xbb\xbf\xff\n\n", uint8(3))
	f.Fuzz(func(t *testing.T, body string, kind uint8) {
		var pub capture
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/work/json?lines=1", strings.NewReader(body))
		r.Header.Set("Content-Type", types[int(kind)%len(types)])
		r.Header.Set("Batch", "b1")
		w := httptest.NewRecorder()
		ingest.NewHandler(in, &pub).ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 400 && w.Code != 413 {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		if w.Code == 200 && !strings.Contains(w.Body.String(), fmt.Sprintf(`"accepted":%d,`, len(pub.seen))) {
			t.Fatalf("%d items published, answer %s", len(pub.seen), w.Body)
		}
		for _, o := range pub.out {
			if _, err := events.DecodeItem(o.Data); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestHTTP_takes_the_slowest_items_of_a_batch_first(t *testing.T) {
	var pub capture
	a := send(t, &pub, "/v1/work/count", "3\n{\"n\":100}\n20\n100\nx\n0\n", "Content-Type: application/x-ndjson", "Batch: b1")
	require.EqualValues(t, 5, a.body["accepted"], a.body)
	require.EqualValues(t, 1, a.body["rejected_total"])
	var keys []string
	var indexes []int64
	for _, o := range pub.out {
		keys, indexes = append(keys, item(t, o).Key), append(indexes, item(t, o).Index)
	}
	require.Equal(t, []string{"100", "100", "20", "3", "0"}, keys)
	require.Equal(t, []int64{1, 3, 2, 0, 5}, indexes, "the index is that of the line")

	pub = capture{}
	send(t, &pub, "/v1/work/count", "3\n100\n", "Content-Type: application/x-ndjson")
	require.Equal(t, "3", item(t, pub.out[0]).Key, "without a batch the order is that of the lines")

	pub = capture{full: 1}
	a = send(t, &pub, "/v1/work/count", "3\n100\n", "Content-Type: application/x-ndjson", "Batch: b2")
	require.EqualValues(t, 1, a.body["next_line"], "all that was looked ahead is sent again: the ids are the same")
}
