package cruncher_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

// packers are the operations that compress, with those that undo it.
var packers = map[string]string{"gzip": "gunzip", "zstd": "unzstd"}

func TestCompression_there_and_back(t *testing.T) {
	for pack, unpack := range packers {
		for name, body := range map[string]string{
			"nothing": "", "a text": "Hello, world", "much of the same": strings.Repeat("x", 5<<20), "lines": strings.Repeat("to be or not to be\n", 10_000),
		} {
			for _, with := range []string{``, `{"level":1}`, `{"level":9}`, `{"level":null}`} {
				t.Run(pack+" "+name+" "+with, func(t *testing.T) {
					out, err := run(t, pack, with, ops.Input{Body: []byte(body)})
					require.NoError(t, err)
					require.JSONEq(t, string(ops.JSON(map[string]int{"bytes_in": len(body), "bytes_out": len(out.Body)})), string(out.Value))
					back, err := run(t, unpack, ``, ops.Input{Body: out.Body})
					require.NoError(t, err)
					require.NotNil(t, back.Body)
					require.Len(t, back.Body, len(body))
					require.True(t, bytes.Equal(back.Body, []byte(body)), "too long to be printed")
					require.JSONEq(t, string(ops.JSON(map[string]int{"bytes_in": len(out.Body), "bytes_out": len(body)})), string(back.Value))
				})
			}
		}
	}
}

func TestCompression_of_a_value_is_of_its_JSON(t *testing.T) {
	out, err := run(t, "gzip", ``, ops.Input{Value: json.RawMessage(`"text"`)})
	require.NoError(t, err)
	back, err := run(t, "gunzip", ``, ops.Input{Body: out.Body})
	require.NoError(t, err)
	require.Equal(t, `"text"`, string(back.Body))
}

func TestCompression_reads_what_other_tools_write(t *testing.T) {
	for op, packed := range map[string]string{
		"gunzip": "H4sIAAAAAAACA8tIzcnJ5wIAIDA6NgYAAAA=", // echo hello | gzip -n | base64
		"unzstd": "KLUv/QRYMQAAaGVsbG8KU4i9kQ==",         // echo hello | zstd -c | base64
	} {
		body, err := base64.StdEncoding.DecodeString(packed)
		require.NoError(t, err)
		out, err := run(t, op, ``, ops.Input{Body: body})
		require.NoError(t, err, op)
		require.Equal(t, "hello\n", string(out.Body), op)
	}
}

func packedBy(t *testing.T, op string, body []byte) []byte {
	t.Helper()
	out, err := run(t, op, ``, ops.Input{Body: body})
	require.NoError(t, err)
	return out.Body
}

func TestCompression_several_members_are_one_body(t *testing.T) {
	for pack, unpack := range packers {
		out, err := run(t, unpack, ``, ops.Input{Body: append(packedBy(t, pack, []byte("a")), packedBy(t, pack, []byte("b"))...)})
		require.NoError(t, err)
		require.Equal(t, "ab", string(out.Body))
	}
}

func TestCompression_says_what_is_wrong(t *testing.T) {
	text := []byte(strings.Repeat("to be or not to be, that is the question\n", 1000))
	zeros := make([]byte, 20<<20)
	for pack, unpack := range packers {
		good := packedBy(t, pack, text)
		flipped := bytes.Clone(good)
		flipped[len(flipped)/2] ^= 0xff
		for name, c := range map[string]struct {
			op, with string
			body     []byte
			reason   events.Reason
			want     string
		}{
			"a page":                 {unpack, ``, []byte("<html></html>"), events.ReasonComputation, "cannot be decompressed"},
			"what is cut off":        {unpack, ``, good[:len(good)/2], events.ReasonComputation, "it is cut off"},
			"the last byte missing":  {unpack, ``, good[:len(good)-1], events.ReasonComputation, "it is cut off"},
			"a changed byte":         {unpack, ``, flipped, events.ReasonComputation, "cannot be decompressed"},
			"something behind it":    {unpack, ``, append(bytes.Clone(good), "garbage behind"...), events.ReasonComputation, "cannot be decompressed"},
			"too much":               {unpack, `{"max_bytes":1000}`, good, events.ReasonTooLarge, "raise max_bytes"},
			"a bomb":                 {unpack, ``, packedBy(t, pack, zeros), events.ReasonTooLarge, "raise max_ratio"},
			"too many bytes allowed": {unpack, `{"max_bytes":1000000000}`, good, events.ReasonInvalidParameter, "from 1 to 268435456"},
			"a ratio of nothing":     {unpack, `{"max_ratio":0}`, good, events.ReasonInvalidParameter, "from 1 to 1000000"},
			"too low a level":        {pack, `{"level":0}`, text, events.ReasonInvalidParameter, "level is 0: use a number from 1"},
			"too high a level":       {pack, `{"level":23}`, text, events.ReasonInvalidParameter, "level is 23"},
			"an unknown argument":    {pack, `{"speed":1}`, text, events.ReasonInvalidParameter, "speed"},
		} {
			t.Run(pack+" "+name, func(t *testing.T) {
				_, err := run(t, c.op, c.with, ops.Input{Body: c.body})
				require.ErrorContains(t, err, c.want)
				require.Equal(t, c.reason, reason(err))
			})
		}
	}
	t.Run("what is no bomb if one says so", func(t *testing.T) {
		out, err := run(t, "gunzip", `{"max_ratio":2000}`, ops.Input{Body: packedBy(t, "gzip", zeros)})
		require.NoError(t, err)
		require.Len(t, out.Body, len(zeros))
	})
	t.Run("a frame that needs too much memory", func(t *testing.T) {
		var b bytes.Buffer
		z, err := zstd.NewWriter(&b, zstd.WithWindowSize(64<<20), zstd.WithEncoderConcurrency(1), zstd.WithSingleSegment(false))
		require.NoError(t, err)
		_, err = io.Copy(z, io.LimitReader(zeroReader{}, 3<<20))
		require.NoError(t, errors.Join(err, z.Close()))
		_, err = run(t, "unzstd", ``, ops.Input{Body: b.Bytes()})
		require.ErrorContains(t, err, "without --long")
		require.Equal(t, events.ReasonTooLarge, reason(err))
	})
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// streamed is an input whose body comes from the object store.
func streamed(body io.Reader) ops.Input {
	return ops.Input{BodyRef: &events.BodyRef{Object: "x"}, Stored: func(context.Context, events.BodyRef) (io.ReadCloser, error) {
		return io.NopCloser(body), nil
	}}
}

type brokenReader struct{ before io.Reader }

func (r brokenReader) Read(p []byte) (int, error) {
	n, err := r.before.Read(p)
	if errors.Is(err, io.EOF) {
		err = errors.New("connection lost")
	}
	return n, err
}

func TestOperations_on_streams_try_again_when_the_store_breaks_off(t *testing.T) {
	text := []byte(strings.Repeat("a,b\n", 100))
	for op, c := range map[string]struct {
		with string
		body []byte
	}{
		"gzip": {``, text}, "zstd": {``, text}, "gunzip": {``, packedBy(t, "gzip", text)[:20]}, "unzstd": {``, packedBy(t, "zstd", text)[:12]},
		"csv.stats": {``, text}, "text.stats": {``, text}, "words": {``, text}, "html.extract": {``, text},
		"expr": {`{"map":"it"}`, []byte(`[1,2,`)},
	} {
		t.Run(op, func(t *testing.T) {
			in := streamed(brokenReader{bytes.NewReader(c.body)})
			_, err := run(t, op, c.with, in)
			failure := ops.AsFailure(err)
			require.ErrorContains(t, err, "connection lost")
			require.Equal(t, events.ReasonStorage, failure.Reason)
			require.True(t, failure.Temporary)
		})
	}
}

func TestOperations_on_streams_stop_when_their_context_ends(t *testing.T) {
	for _, op := range []string{"gzip", "zstd", "csv.stats", "text.stats", "words", "html.extract", "gunzip", "unzstd", "expr"} {
		t.Run(op, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			in := streamed(zeroReader{})
			if op == "expr" {
				in.With = json.RawMessage(`{"map":"it"}`)
			}
			_, err := cruncher.Builtin()[op].Run(ctx, in)
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}

// endless repeats a text, and ends something once all of it has been read.
type endless struct {
	text []byte
	end  func()
	read int
}

func (r *endless) Read(p []byte) (int, error) {
	if r.read >= len(r.text) {
		r.end()
	}
	n := copy(p, r.text[r.read%len(r.text):])
	r.read += n
	return n, nil
}

func TestOperations_on_streams_stop_while_they_compute(t *testing.T) {
	text := []byte(strings.Repeat("a,b\n", 10_000))
	for op, c := range map[string]struct {
		with string
		text []byte
	}{
		"gzip": {``, text}, "zstd": {``, text}, "gunzip": {`{"max_ratio":1000000}`, packedBy(t, "gzip", text)}, "unzstd": {`{"max_ratio":1000000}`, packedBy(t, "zstd", text)},
		"csv.stats": {``, text}, "text.stats": {``, text}, "words": {``, text}, "html.extract": {``, text}, "hash": {``, text},
		"expr": {`{"filter":"it < 0"}`, []byte(strings.Repeat(" ", 10_000))},
	} {
		t.Run(op, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			in := streamed(&endless{text: c.text, end: cancel})
			in.With = json.RawMessage(c.with)
			_, err := cruncher.Builtin()[op].Run(ctx, in)
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}

func FuzzDecompress(f *testing.F) {
	set := cruncher.Builtin()
	for pack, unpack := range packers {
		out, err := set[pack].Run(f.Context(), ops.Input{Body: []byte(strings.Repeat("to be or not to be\n", 10))})
		require.NoError(f, err)
		f.Add(unpack, `{}`, out.Body)
		f.Add(unpack, `{"max_bytes":3,"max_ratio":2}`, out.Body)
		f.Add(pack, `{"level":5}`, []byte("x"))
	}
	f.Fuzz(func(t *testing.T, name, with string, body []byte) {
		if op, ok := set[name]; ok && (packers[name] != "" || strings.HasPrefix(name, "un") || name == "gunzip") {
			fuzzed(t, op, ops.Input{With: json.RawMessage(with), Body: body})
		}
	})
}

func BenchmarkCompression(b *testing.B) {
	body := []byte(strings.Repeat("It was the best of times, it was the worst of times… ", 20_000))
	set := cruncher.Builtin()
	for _, pack := range []string{"gzip", "zstd"} {
		in := ops.Input{Body: body}
		b.Run(pack, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := set[pack].Run(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestOperations_on_streams_keep_the_verdict_of_the_store(t *testing.T) {
	gone := ops.Fail(events.ReasonNotFound, errors.New("it is not there any more"))
	for _, op := range []string{"gzip", "zstd", "gunzip", "unzstd", "csv.stats", "text.stats", "words", "html.extract"} {
		_, err := run(t, op, ``, streamed(iotest.ErrReader(gone)))
		require.Equal(t, events.ReasonNotFound, reason(err), op)
		require.False(t, ops.AsFailure(err).Temporary, op)
	}
}
