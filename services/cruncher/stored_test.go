package cruncher_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"

	"github.com/stretchr/testify/require"
)

// kept is the input of a step whose body is in the store.
func kept(size int64, body io.Reader) ops.Input {
	return ops.Input{
		BodyRef: &events.BodyRef{Object: "o", Bytes: size},
		Stored:  func(context.Context, events.BodyRef) (io.ReadCloser, error) { return io.NopCloser(body), nil },
	}
}

func TestHash_of_a_body_in_the_store_is_the_same(t *testing.T) {
	for _, size := range []int{0, 1, 1 << 20, 1<<20 + 1, 3 << 20} {
		body := bytes.Repeat([]byte("x"), size)
		inline, err := run(t, "hash", `{}`, ops.Input{Body: body})
		require.NoError(t, err)
		stored, err := run(t, "hash", `{}`, kept(int64(size), iotest.HalfReader(bytes.NewReader(body))))
		require.NoError(t, err)
		require.Equal(t, string(inline.Value), string(stored.Value))
	}
}

func TestJQ_reads_a_body_in_the_store(t *testing.T) {
	doc := []byte(`{"a":[1,2,3]}`)
	out, err := run(t, "jq", `{"query":".a|length"}`, kept(int64(len(doc)), iotest.OneByteReader(bytes.NewReader(doc))))
	require.NoError(t, err)
	require.Equal(t, "3", string(out.Value))

	_, err = run(t, "jq", `{"query":"."}`, kept(16<<20+1, iotest.ErrReader(errors.New("not to be read"))))
	require.Equal(t, events.ReasonTooLarge, reason(err))
	require.ErrorContains(t, err, "set max_bytes")
}

func TestOperations_tell_when_a_body_in_the_store_cannot_be_read(t *testing.T) {
	gone := ops.Fail(events.ReasonNotFound, errors.New("it is not there any more"))
	for op, with := range map[string]string{"hash": `{}`, "jq": `{"query":"."}`} {
		_, err := run(t, op, with, kept(10, io.MultiReader(bytes.NewReader([]byte("12345")), iotest.ErrReader(gone))))
		require.Equal(t, events.ReasonNotFound, reason(err), op)
		require.False(t, ops.AsFailure(err).Temporary)
		_, err = run(t, op, with, kept(2, io.MultiReader(bytes.NewReader([]byte("12")), iotest.ErrReader(errors.New("a digest that is wrong")))))
		require.Equal(t, events.ReasonStorage, reason(err), "%s notices it at the end", op)
		_, err = run(t, op, with, ops.Input{BodyRef: &events.BodyRef{Object: "o", Bytes: 1}})
		require.Equal(t, events.ReasonStorage, reason(err), "%s: this worker has no store", op)
	}
}
