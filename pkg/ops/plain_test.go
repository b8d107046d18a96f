package ops

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

type where struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Robots  bool              `json:"robots"`
	Twice   string            `json:"twice"`
}

type how struct {
	Name   string
	Hidden string  `json:"-"`
	Count  *int64  `json:"count"`
	Text   *string `json:"text"`
	Quoted bool    `json:"quoted,string"`
	Kind   kind    `json:"kind"`
}

type kind string

func (k *kind) UnmarshalText(text []byte) error {
	*k = kind("kind of " + string(text))
	return nil
}

type arguments struct {
	where
	*Later
	how
	Twice string `json:"Twice"`
}

// Later is exported, as JSON demands of what is embedded by a pointer.
type Later struct {
	Late string `json:"late"`
}

// full is what plain must agree with.
func full(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more")
	}
	return nil
}

func TestPlain(t *testing.T) {
	for data, want := range map[string]bool{
		`{}`:                                   true,
		`{"url":"https://example.com/é?a=1"}`:  true,
		`{"url":"a","robots":true,"Name":"b"}`: true,
		`{"robots":false,"url":"a","url":"b"}`: true,
		`{"url":"a"}x`:                         false,
		`{"url":"a",}`:                         false,
		`{"url":"a""robots":true}`:             false,
		`{"url":"a\n"}`:                        false,
		`{"url":"` + "\x80" + `"}`:             false,
		`{"url":"` + "\n" + `"}`:               false,
		`{"url":1}`:                            false,
		`{"robots":truefalse}`:                 false,
		`{"url":null}`:                         false,
		`{"URL":"a"}`:                          false, // JSON finds it, whatever the case
		`{"unknown":"a"}`:                      false,
		`{"late":"a"}`:                         false,
		`{"twice":"a"}`:                        false,
		`{"kind":"a"}`:                         false,
		`{"quoted":true}`:                      false,
		`{"Hidden":"a"}`:                       false,
		`{"url":"a","headers":{"a":"b"}}`:      false,
		` {"url":"a"}`:                         false,
		`{"url": "a"}`:                         false,
		`{"`:                                   false,
		`{`:                                    false,
		``:                                     false,
	} {
		t.Run(data, func(t *testing.T) {
			var got, whole arguments
			require.Equal(t, want, plain([]byte(data), &got))
			if want {
				require.NoError(t, full([]byte(data), &whole))
				require.Equal(t, whole, got)
			}
		})
	}
}

func TestPlainIntoSomethingElse(t *testing.T) {
	require.False(t, plain([]byte(`{"a":"b"}`), &map[string]string{}))
	require.False(t, plain([]byte(`{"url":"b"}`), where{}))
}

func FuzzArgs(f *testing.F) {
	for _, data := range []string{
		`{}`, `{"url":"a","robots":true,"Name":"b"}`, `{"url":"a","headers":{"b":"c"},"count":1,"text":"d"}`, `{"Twice":"a","twice":"b","late":"c"}`,
		`{"kind":"a","quoted":"true"}`, `{"url":"\u00e9"}`,
	} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want arguments
		gotErr, wantErr := Input{With: data}.Args(&got), full(data, &want)
		if len(data) == 0 {
			wantErr = nil
		}
		require.Equal(t, wantErr == nil, gotErr == nil, "%v, %v", wantErr, gotErr)
		if wantErr == nil {
			require.Equal(t, want, got)
		}
	})
}

func BenchmarkArgs(b *testing.B) {
	data := []byte(`{"url":"http://127.0.0.1:8080/delay?ms=100","robots":true}`)
	for name, read := range map[string]func(v any) error{
		"plain": Input{With: data}.Args,
		"full":  func(v any) error { return full(data, v) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var v where
				require.NoError(b, read(&v))
			}
		})
	}
}
