package cruncher_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher/picture/picturetest"
)

// hungry are inputs that take memory, by operation, and at least how much of it.
func hungry(t *testing.T) map[string]struct {
	with  string
	in    ops.Input
	least int64
} {
	t.Helper()
	text := bytes.Repeat([]byte("all work and no play makes jack a dull boy\n"), 100_000)
	var different strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&different, "word%d ", i)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write(text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	encoder, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	n := int64(len(text))
	return map[string]struct {
		with  string
		in    ops.Input
		least int64
	}{
		"image.thumbnail": {`{}`, ops.Input{Body: picturetest.JPEG(picturetest.Quarters(2000, 1000))}, 2000 * 1000 * 3 / 2},
		"image.resize":    {`{"width":1000}`, ops.Input{Body: picturetest.PNG(picturetest.Quarters(2000, 1000))}, 2000 * 1000 * 4},
		"gunzip":          {`{}`, ops.Input{Body: zipped.Bytes()}, 2 * n},
		"unzstd":          {`{}`, ops.Input{Body: encoder.EncodeAll(text, nil)}, 2 * n},
		"gzip":            {`{}`, ops.Input{Body: []byte(different.String())}, 1 << 20},
		"zstd":            {`{}`, ops.Input{Body: []byte(different.String())}, 20 << 20},
		"jq":              {`{"query":"[.[]|{a:.}]|length"}`, ops.Input{Body: []byte("[" + strings.Repeat("{},", 99_999) + "{}]")}, 100_000 * 50},
		"expr":            {`{"filter":"it > 5"}`, ops.Input{Body: []byte("[" + strings.Repeat("1,", 99_999) + "9]")}, 200_000 * 10},
		"html.extract":    {`{"fields":["title"]}`, ops.Input{Body: []byte(strings.Repeat("<p>text", 50_000))}, 100_000 * 150},
		"words":           {`{}`, ops.Input{Body: []byte(different.String())}, 200_000 * 50},
		"csv.stats":       {`{}`, ops.Input{Body: []byte("a,b,c\n1,2,3\n")}, 3 * 10_000 * 8},
	}
}

func TestOperations_reserve_the_memory_that_they_take(t *testing.T) {
	for op, c := range hungry(t) {
		t.Run(op, func(t *testing.T) {
			var most int64
			c.in.Reserving = func(bytes int64) error {
				most = max(most, bytes)
				return nil
			}
			_, err := run(t, op, c.with, c.in)
			require.NoError(t, err)
			require.GreaterOrEqual(t, most, c.least)
			require.Less(t, most, int64(128<<20), "it would keep others waiting for nothing")
		})
	}
}

func TestOperations_end_when_there_is_no_memory_for_them(t *testing.T) {
	short := errors.New("short")
	for op, c := range hungry(t) {
		t.Run(op, func(t *testing.T) {
			c.in.Reserving = func(bytes int64) error {
				if bytes >= c.least {
					return short
				}
				return nil
			}
			out, err := run(t, op, c.with, c.in)
			require.ErrorIs(t, err, short, "the stage finds its error again")
			require.Empty(t, out)
		})
	}
}

func TestOperations_reserve_memory_for_a_body_before_they_read_it(t *testing.T) {
	for op, with := range map[string]string{
		"jq": `{"query":"."}`, "html.extract": `{}`, "image.info": `{}`, "image.thumbnail": `{}`, "image.resize": `{"width":1}`, "expr": `{"map":"it"}`,
	} {
		t.Run(op, func(t *testing.T) {
			in := kept(1<<20, strings.NewReader("not to be read"))
			refusal := ops.Fail(events.ReasonTooLarge, errors.New("no"))
			in.Reserving = func(bytes int64) error {
				require.GreaterOrEqual(t, bytes, int64(1<<20))
				return refusal
			}
			in.With = json.RawMessage(with)
			_, err := run(t, op, with, in)
			require.ErrorIs(t, err, refusal)
		})
	}
}
