package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// picture is what the gallery has under a number: some hundred KiB, and every fifth over a MiB.
func picture(i int) []byte {
	var seed [32]byte
	seed[0] = byte(i)
	size := 100_000 + i*1000
	if i%5 == 0 {
		size = 1_500_000
	}
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(seed).Read(b)
	return b
}

// TestBodies is about bodies that are too large to travel along, and those that become files.
func TestBodies(t *testing.T) {
	pages := map[string]http.HandlerFunc{
		"/text": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=iso-8859-1")
			_, _ = w.Write(bytes.Repeat([]byte("\xe9"), 1_000_000))
		},
		"/huge": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 5<<20)) },
	}
	for i := 1; i <= 20; i++ {
		pages[fmt.Sprintf("/pictures/%d", i*7)] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/jpeg")
			_, _ = w.Write(picture(i))
		}
	}
	gallery := newSite(t, pages)
	dir, saved := t.TempDir(), t.TempDir()
	m := up(t, filepath.Join(dir, "data"), append([]string{"--write-root", "pictures=" + saved, "--max-body", "4MiB"}, local...)...)

	t.Run("a batch of pictures becomes files with numbers", func(t *testing.T) {
		var urls strings.Builder
		for i := 1; i <= 20; i++ {
			fmt.Fprintf(&urls, "{\"url\":\"%s/pictures/%d\",\"dir\":\"pictures\",\"name\":\"image{n}.{ext}\"}\n", gallery.URL, i*7)
		}
		list := filepath.Join(dir, "urls")
		require.NoError(t, os.WriteFile(list, []byte(urls.String()), 0o600))
		m.ok(t, "submit", "download", "-f", list, "--wait")
		files, err := os.ReadDir(saved)
		require.NoError(t, err)
		require.Len(t, files, 20)
		for i := 1; i <= 20; i++ {
			got, err := os.ReadFile(filepath.Join(saved, fmt.Sprintf("image%d.jpg", i)))
			require.NoError(t, err)
			require.True(t, bytes.Equal(picture(i), got), i)
		}
	})
	t.Run("a large body goes by the store to the next step, and is there for others", func(t *testing.T) {
		m.pub(t, "work.page", gallery.URL+"/pictures/35")
		r := m.result(t, "page", gallery.URL+"/pictures/35")
		require.Equal(t, events.StatusOK, r.Status, r.Error)
		sum := sha256.Sum256(picture(5))
		hash := hex.EncodeToString(sum[:])
		require.JSONEq(t, `{"algorithm":"sha256","hash":"`+hash+`","bytes":1500000}`, string(r.Value))
		require.Equal(t, &events.BodyRef{Object: hash, Bytes: 1_500_000, SHA256: hash}, r.Fetch.Body)

		at := filepath.Join(dir, "body")
		cli := m.nats(t, "object", "get", "bodies", r.Fetch.Body.Object, "--output", at, "--no-progress")
		require.Zero(t, cli.status, cli.both())
		got, err := os.ReadFile(at)
		require.NoError(t, err)
		require.True(t, bytes.Equal(picture(5), got))
	})
	t.Run("a text becomes UTF-8 on its way", func(t *testing.T) {
		m.pub(t, "work.page", gallery.URL+"/text")
		r := m.result(t, "page", gallery.URL+"/text")
		require.Equal(t, events.StatusOK, r.Status, r.Error)
		var value struct{ Hash string }
		require.NoError(t, json.Unmarshal(r.Value, &value))
		sum := sha256.Sum256(bytes.Repeat([]byte("é"), 1_000_000))
		require.Equal(t, hex.EncodeToString(sum[:]), value.Hash)
		require.Equal(t, "windows-1252", r.Fetch.Charset)
	})
	t.Run("what the operator does not allow is refused", func(t *testing.T) {
		m.pub(t, "work.page", gallery.URL+"/huge")
		r := m.result(t, "page", gallery.URL+"/huge")
		require.Equal(t, events.ReasonTooLarge, r.Reason)
		require.Contains(t, r.Error, "--max-body")
		m.pub(t, "work.download", fmt.Sprintf(`{"url":"%s/text","dir":"elsewhere"}`, gallery.URL))
		r = m.result(t, "download", gallery.URL+"/text")
		require.Equal(t, events.ReasonForbiddenTarget, r.Reason)
	})
}
