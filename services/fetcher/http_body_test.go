package fetcher

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/bodies"
	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// sized answers with as many bytes as the path says, as text of a type that it also says: /1000/text/plain.
func sized(w http.ResponseWriter, r *http.Request) {
	size, contentType, _ := strings.Cut(r.URL.Path[1:], "/")
	n, _ := strconv.Atoi(size)
	w.Header().Set("Content-Type", contentType)
	body := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
	if !r.URL.Query().Has("gzip") {
		w.Header().Set("Content-Length", strconv.Itoa(n))
		_, _ = w.Write(body)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = z.Write(body)
	_ = z.Close()
}

// stored makes a Network with a store of bodies on a broker.
func stored(t *testing.T) (*Network, *bodies.Store) {
	t.Helper()
	b := brokertest.New(t)
	b.Provision(topology.Default())
	s, err := bodies.New(b.Connect())
	require.NoError(t, err)
	return network(t, func(c *NetConfig) { c.Bodies, c.HTTP.MaxBodyBytes = s, 4<<20 }), s
}

func TestGet_keeps_a_large_body_in_the_store(t *testing.T) {
	n, store := stored(t)
	s := site(t, sized)
	for _, query := range []string{"", "?gzip"} {
		for _, size := range []int{512<<10 - 1, 512 << 10} {
			out, err := get(t, n, args{"url": fmt.Sprint(s.URL, "/", size, "/text/plain", query)})
			require.NoError(t, err)
			require.Len(t, out.Body, size)
			require.Nil(t, out.BodyRef)
			require.Nil(t, out.Fetch.Body)
		}
		for _, size := range []int{512<<10 + 1, 3 << 20, 4 << 20} {
			out, err := get(t, n, args{"url": fmt.Sprint(s.URL, "/", size, "/text/plain", query)})
			require.NoError(t, err)
			require.Nil(t, out.Body)
			require.Nil(t, out.Value)
			require.Equal(t, out.BodyRef, out.Fetch.Body)
			require.EqualValues(t, size, out.BodyRef.Bytes)
			require.EqualValues(t, size, out.Fetch.Bytes)
			body, err := ops.Input{BodyRef: out.BodyRef, Stored: store.Get}.Open(t.Context())
			require.NoError(t, err)
			got, err := io.ReadAll(body)
			require.NoError(t, err)
			require.Len(t, got, size)
		}
		out, err := get(t, n, args{"url": fmt.Sprint(s.URL, "/", 4<<20+1, "/text/plain", query)})
		fails(t, err, events.ReasonTooLarge, false)
		require.ErrorContains(t, err, "--max-body")
		require.Nil(t, out.BodyRef)
	}
}

func TestGet_takes_no_more_than_the_item_wants(t *testing.T) {
	n, _ := stored(t)
	s := site(t, sized)
	for _, c := range []struct{ size, most int }{{1001, 1000}, {2 << 20, 1 << 20}} {
		for _, query := range []string{"", "?gzip"} {
			out, err := get(t, n, args{"url": fmt.Sprint(s.URL, "/", c.size, "/text/plain", query), "max_bytes": c.most})
			fails(t, err, events.ReasonTooLarge, false)
			require.ErrorContains(t, err, "raise max_bytes, which can be up to 4194304")
			require.Equal(t, 200, out.Fetch.Status)
			_, err = get(t, n, args{"url": fmt.Sprint(s.URL, "/", c.most, "/text/plain", query), "max_bytes": c.most})
			require.NoError(t, err)
		}
	}
	for _, most := range []any{0, -1, 4<<20 + 1, "1000", 1.5} {
		_, err := get(t, n, args{"url": s.URL, "max_bytes": most})
		fails(t, err, events.ReasonInvalidParameter, false)
	}
}

func TestGet_fails_with_a_large_body_where_there_is_no_store(t *testing.T) {
	s := site(t, sized)
	out, err := get(t, network(t), args{"url": s.URL + "/600000/text/plain"})
	fails(t, err, events.ReasonTooLarge, false)
	require.ErrorContains(t, err, "no store for larger bodies")
	require.Zero(t, out.Fetch.Bytes, "its length was known before")
	out, err = get(t, network(t), args{"url": s.URL + "/600000/text/plain?gzip"})
	fails(t, err, events.ReasonTooLarge, false)
	require.EqualValues(t, 512<<10+1, out.Fetch.Bytes, "so much had come")
}

func TestGet_tells_what_went_wrong_with_a_large_body(t *testing.T) {
	release := make(chan struct{})
	s := site(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write(make([]byte, 700_000))
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/hang" {
			<-release
		}
	})
	defer close(release)
	n, _ := stored(t)
	out, err := get(t, n, args{"url": s.URL})
	fails(t, err, events.ReasonConnect, true)
	require.EqualValues(t, 700_000, out.Fetch.Bytes)

	for enough := 300 * time.Millisecond; ; enough *= 2 { // for what comes
		out, err = run(soon(t, enough), t, n, "http.get", args{"url": s.URL + "/hang"})
		fails(t, err, events.ReasonTimeout, true)
		if out.Fetch != nil && out.Fetch.Bytes == 700_000 {
			break
		}
		require.Less(t, enough, time.Minute)
	}

	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err = run(ctx, t, n, "http.get", args{"url": s.URL + "/hang"})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorAs(t, err, new(*ops.Failure))

	full := network(t, func(c *NetConfig) { c.Bodies = &noRoom{} })
	_, err = get(t, full, args{"url": site(t, sized).URL + "/600000/text/plain"})
	fails(t, err, events.ReasonStorage, true)
}

// noRoom is a store that keeps nothing.
type noRoom struct{ memoryBodies }

func (*noRoom) Put(context.Context, io.Reader) (events.BodyRef, error) {
	return events.BodyRef{}, ops.Retry(events.ReasonStorage, errors.New("no room"))
}

func TestGet_converts_texts_unless_told_otherwise(t *testing.T) {
	s := site(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=iso-8859-1")
		_, _ = w.Write([]byte("caf\xe9"))
	})
	n := network(t)
	out, err := get(t, n, args{"url": s.URL})
	require.NoError(t, err)
	require.Equal(t, "café", string(out.Body))
	require.Equal(t, "windows-1252", out.Fetch.Charset)
	require.EqualValues(t, 5, out.Fetch.Bytes)
	out, err = get(t, n, args{"url": s.URL, "charset": "keep"})
	require.NoError(t, err)
	require.Equal(t, "caf\xe9", string(out.Body))
	require.Empty(t, out.Fetch.Charset)
	_, err = get(t, n, args{"url": s.URL, "charset": "latin1"})
	fails(t, err, events.ReasonInvalidParameter, false)
}

func TestGet_stores_a_body_in_a_file(t *testing.T) {
	n, _, dir := withFiles(t, func(c *NetConfig) { c.HTTP.MaxBodyBytes = 2 << 20 })
	s := site(t, sized)
	store := func(url string, a any, in ops.Input) (storedValue, ops.Output, error) {
		in.With = ops.JSON(args{"url": s.URL + url, "store": a})
		out, err := n.Ops()["http.get"].Run(t.Context(), in)
		var v storedValue
		if out.Value != nil {
			require.NoError(t, json.Unmarshal(out.Value, &v))
		}
		return v, out, err
	}
	for _, c := range []struct {
		url, name, want string
		size            int
	}{
		{"/10/image/jpeg", "image{n}.{ext}", "image8.jpg", 10},
		{"/1000000/image/png?gzip", "image{n}.{ext}", "image8.png", 1_000_000},
		{"/0/text/html", "pages/{id}.{ext}", "pages/abc.html", 0},
		{"/10/application/octet-stream/photo.jpeg", "{n}.{ext}", "8.jpeg", 10},
		{"/10/x", "{n}.{ext}", "8.bin", 10},
		{"/10/image/jpeg/a.jpg?x=y", "", "8-a.jpg", 10},
		{"/10/text/plain/..%2f..%2fetc", "{name}", "etc", 10},
	} {
		v, out, err := store(c.url, args{"dir": "out", "name": c.name}, ops.Input{ID: "abc", Index: 7})
		require.NoError(t, err, c.url)
		require.Equal(t, c.want, v.Path)
		require.Equal(t, "out", v.Root)
		require.EqualValues(t, c.size, v.Bytes)
		require.Len(t, v.SHA256, 64)
		require.EqualValues(t, c.size, out.Fetch.Bytes)
		require.Nil(t, out.Body)
		require.Nil(t, out.BodyRef)
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(c.want)))
		require.NoError(t, err)
		require.Len(t, data, c.size)
	}
	v, _, err := store("/10/text/html", args{}, ops.Input{})
	require.NoError(t, err)
	require.Equal(t, storedValue{Root: "out", Path: "1-html", Bytes: 10, SHA256: v.SHA256, ContentType: "text/html"}, v, "there is only one root")

	t.Run("and leaves nothing of one that failed", func(t *testing.T) {
		before := tree(t, dir)
		_, _, err := store("/3000000/image/png", args{"dir": "out", "name": "large.png"}, ops.Input{})
		fails(t, err, events.ReasonTooLarge, false)
		_, _, err = store("/3000000/image/png?gzip", args{"dir": "out", "name": "large.png"}, ops.Input{})
		fails(t, err, events.ReasonTooLarge, false)
		broken := site(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000")
			_, _ = w.Write(make([]byte, 700_000))
		})
		_, err = get(t, n, args{"url": broken.URL, "store": args{"name": "broken"}})
		fails(t, err, events.ReasonConnect, true)
		require.Equal(t, before, tree(t, dir))
	})
	t.Run("and refuses names and folders that it must not write", func(t *testing.T) {
		for _, a := range []args{{"dir": "in", "name": "a"}, {"dir": "other", "name": "a"}, {"dir": "out", "name": "../a"}, {"dir": "out", "name": "/a"}} {
			_, _, err := store("/10/text/plain", a, ops.Input{})
			fails(t, err, events.ReasonForbiddenTarget, false)
		}
		for _, a := range []any{args{"dir": "out", "name": "{x}"}, args{"path": "a"}, "out"} {
			_, _, err := store("/10/text/plain", a, ops.Input{})
			fails(t, err, events.ReasonInvalidParameter, false)
		}
		_, err := get(t, n, args{"url": s.URL, "store": args{"name": "a"}, "revalidate": true})
		fails(t, err, events.ReasonInvalidParameter, false)
		_, err = get(t, network(t), args{"url": s.URL + "/1/text/plain", "store": args{"name": "a"}})
		fails(t, err, events.ReasonForbiddenTarget, false)
		require.ErrorContains(t, err, "--write-root")
	})
	t.Run("as it is, and in UTF-8 only if asked", func(t *testing.T) {
		latin1 := site(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=iso-8859-1")
			_, _ = w.Write([]byte("caf\xe9"))
		})
		for charset, want := range map[string]string{"": "caf\xe9", "keep": "caf\xe9", "utf-8": "café"} {
			_, err := get(t, n, args{"url": latin1.URL, "charset": charset, "store": args{"name": "latin1"}})
			require.NoError(t, err)
			data, err := os.ReadFile(filepath.Join(dir, "latin1"))
			require.NoError(t, err)
			require.Equal(t, want, string(data))
		}
	})
}

// tree lists the files below a folder.
func tree(t *testing.T, dir string) (list []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		list = append(list, path)
		return err
	}))
	return list
}
