package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/secret"
)

func TestSecret(t *testing.T) {
	t.Run("shows itself only where it is asked to", func(t *testing.T) {
		s := secret.New("s3cr3t")
		holder := struct{ Inner, inner secret.Secret }{s, s}
		var out bytes.Buffer
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "secret", s, "holder", holder)
		raw, err := json.Marshal([]any{s, holder})
		require.NoError(t, err)
		all := out.String() + string(raw)
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			all += fmt.Sprintf(format, s) + fmt.Sprintf(format, holder)
		}
		require.NotContains(t, all, "s3cr3t")
		require.NotContains(t, all, fmt.Sprintf("%x", "s3cr3t"))
		require.Contains(t, all, "[redacted]")
		require.Equal(t, "s3cr3t", s.Reveal())
		require.Empty(t, secret.Secret{}.Reveal())
	})
	t.Run("is taken out of texts", func(t *testing.T) {
		require.Equal(t, `Post "https://x/***/send": refused, a`, secret.Hide("t0ken", "", "a").Replace(`Post "https://x/t0ken/send": refused, a`))
	})
}

func TestExpand(t *testing.T) {
	folder := t.TempDir()
	path := func(name, content string) string {
		file := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		return file
	}
	t.Setenv("TOKEN", "s3cr3t")
	t.Setenv("EMPTY", "")
	for text, want := range map[string]string{
		"plain":                             "plain",
		"Bearer ${TOKEN}!":                  "Bearer s3cr3t!",
		"$5 {x}":                            "$5 {x}",
		"${file:" + path("a", "f1le") + "}": "f1le",
		"${file:" + path("b", "f1le\r\n") + "}${TOKEN}": "f1les3cr3t",
		"${file:" + path("c", "two\nlines\n") + "}":     "two\nlines",
	} {
		got, faults := secret.System().Expand(text)
		require.Empty(t, faults, text)
		require.Equal(t, want, got)
	}
	for text, want := range map[string]string{
		"":                                "it is empty",
		"${NONE}":                         "variable NONE is not set",
		"${EMPTY}":                        "variable EMPTY is not set",
		"${s3cr3t}":                       "variable that it names is not set",
		"${s3cr3t":                        "does not end",
		"${}":                             "does not end",
		"${file:" + folder + "/none}":     "no such file",
		"${file:" + path("d", "\n") + "}": "is empty",
		strings.Repeat("a", 17<<10):       "more than 16384 bytes",
		"${file:" + path("e", strings.Repeat("a", 20<<10)) + "}": "more than 16384 bytes",
	} {
		_, faults := secret.System().Expand(text)
		require.ErrorContains(t, errors.Join(faults...), want)
		require.NotContains(t, errors.Join(faults...).Error(), "s3cr3t")
	}
}

func FuzzExpand(f *testing.F) {
	source := secret.Source{
		Getenv:   func(name string) (string, bool) { return "v", name == "A" },
		ReadFile: func(path string) ([]byte, error) { return []byte(path + "\n"), nil },
	}
	for _, text := range []string{"${A}", "${file:x}", "${${A}}", "$${A}", "${A", "}${"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if out, faults := source.Expand(text); len(faults) == 0 {
			require.NotEmpty(t, out)
		}
	})
}
