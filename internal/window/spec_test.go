package window_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/expression"
	"github.com/fetchmill/fetchmill/internal/reduce"
	"github.com/fetchmill/fetchmill/internal/window"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestSpec_says_what_to_write_instead(t *testing.T) {
	minute := time.Minute
	for want, s := range map[string]window.Spec{
		"neither size nor gap":    {},
		"both size and gap":       {Size: minute, Gap: minute},
		"sessions do not slide":   {Gap: minute, Slide: time.Second},
		"is not shorter than":     {Size: minute, Slide: minute},
		"more than 100 windows":   {Size: time.Hour, Slide: time.Second},
		"size 1ms: write":         {Size: time.Millisecond},
		"gap 10000h0m0s: write":   {Gap: 10_000 * time.Hour},
		"idle 0s: write":          {Size: minute, Idle: 0},
		"lateness 1000h0m0s":      {Size: minute, Idle: minute, Lateness: 1000 * time.Hour},
		"size 1.0000005s: write":  {Size: time.Second + 500*time.Nanosecond, Idle: minute},
		"time: expression":        {Size: minute, Idle: minute, Time: "value.("},
		"there is no kee:":        {Size: minute, Idle: minute, By: "kee"},
		"source: the expression ": {Size: minute, Idle: minute, Source: string(make([]byte, 2000)) + "x"},
	} {
		_, err := window.New(s)
		require.ErrorIs(t, err, window.ErrSpec, want)
		require.ErrorContains(t, err, want)
	}
	s, err := window.New(window.Spec{Size: minute, Lateness: -1, Idle: -1})
	require.NoError(t, err)
	require.Equal(t, window.DefaultLateness, s.Lateness)
	require.Equal(t, window.DefaultIdle, s.Idle)
}

func TestSpec_travels(t *testing.T) {
	reductions, err := reduce.Parse("sum(value.n) as total by key", "count")
	require.NoError(t, err)
	for _, s := range []window.Spec{
		{Size: time.Minute, Idle: time.Second, Reduce: reductions},
		{Size: time.Minute, Slide: time.Second, Idle: time.Second, Time: "value.at", By: "host(key)", Source: "value.sensor"},
		{Gap: time.Minute, Idle: time.Second, Lateness: time.Hour},
	} {
		s, err := window.New(s)
		require.NoError(t, err)
		back, err := window.Decode(s.JSON())
		require.NoError(t, err)
		require.Equal(t, s, back)
	}
}

func TestPlan_judges_when_and_for_whom(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)
	judge := func(s window.Spec, r *events.Result) window.Judgement {
		s.Size, s.Idle = time.Minute, time.Minute
		j, err := plan(t, s).Judge(context.Background(), expression.NewMachine(expression.ForResult), r)
		require.NoError(t, err)
		return j
	}
	value := func(v string) *events.Result {
		return &events.Result{ID: "a", Recipe: "r", Status: events.StatusOK, Value: json.RawMessage(v), Submitted: at}
	}
	require.Equal(t, at.UnixMilli(), judge(window.Spec{}, value(`1`)).At, "by when it was submitted")
	said := value(`1`)
	said.Time = at.Add(-time.Hour)
	require.Equal(t, said.Time.UnixMilli(), judge(window.Spec{}, said).At, "by what the submitter has said")
	for text, v := range map[string]string{
		`value`:            `"2026-03-04T06:06:07.008+01:00"`,
		`value + 0`:        `1772600767.008`,
		`value / 1000`:     `1772600767008`,
		`date(value.when)`: `{"when":"2026-03-04T05:06:07.008Z"}`,
	} {
		j := judge(window.Spec{Time: text}, value(v))
		require.False(t, j.Skipped, text)
		require.Equal(t, at.UnixMilli(), j.At, text)
	}
	require.EqualValues(t, 5_000, judge(window.Spec{Time: "value"}, value(`5`)).At)
	for _, v := range []string{`"soon"`, `null`, `true`, `1e300`, `-1e14`, `9e18`, `{}`} {
		require.True(t, judge(window.Spec{Time: "value"}, value(v)).Skipped, v)
	}
	j := judge(window.Spec{By: "value.a", Source: "value.b"}, value(`{"a":1.0,"b":"x"}`))
	require.Equal(t, "1", j.Key)
	require.Equal(t, "x", j.Source)
	require.True(t, judge(window.Spec{By: "value.a"}, value(`{}`)).Skipped)
	require.False(t, judge(window.Spec{Source: "value.a"}, value(`{}`)).Skipped)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"size_ms":60000,"slide_ms":10000,"lateness_ms":10000,"idle_ms":30000,"time":"value.at","by":"key","reduce":["count"]}`))
	f.Add([]byte(`{"gap_ms":30000,"lateness_ms":0,"idle_ms":1000,"source":"value"}`))
	f.Add([]byte(`{"size_ms":9223372036854775807,"idle_ms":-1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := window.Decode(data)
		if err != nil {
			return
		}
		again, err := window.Decode(s.JSON())
		require.NoError(t, err)
		require.Equal(t, string(s.JSON()), string(again.JSON()))
		_, err = window.Compile(s)
		require.NoError(t, err)
		for _, at := range []int64{0, -1, 1_772_600_767_008} {
			for _, span := range s.Spans(at) {
				require.True(t, span.Holds(at))
			}
		}
	})
}
