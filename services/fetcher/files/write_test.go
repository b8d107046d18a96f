package files

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// left lists the files below a folder.
func left(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, name)
		}
		return err
	}))
	return names
}

func TestCommitGivesTheFileItsName(t *testing.T) {
	for name, sync := range map[string]bool{"without flushing": false, "with flushing": true} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			r := roots(t, t.TempDir(), out, func(c *Config) { c.Sync = sync })
			w, err := r.Create("out", "a/b/c.txt")
			require.NoError(t, err)
			_, err = w.Write([]byte("te"))
			require.NoError(t, err)
			_, err = os.Stat(out + "/a/b/c.txt")
			require.ErrorIs(t, err, fs.ErrNotExist, "a file that is not whole has no name")
			_, err = w.Write([]byte("xt"))
			require.NoError(t, err)
			done, err := w.Commit()
			require.NoError(t, err)

			sum := sha256.Sum256([]byte("text"))
			require.EqualValues(t, 4, done.Bytes)
			require.Equal(t, hex.EncodeToString(sum[:]), done.SHA256)
			require.WithinDuration(t, time.Now(), done.Time, time.Hour)
			require.Equal(t, time.UTC, done.Time.Location())
			require.Equal(t, "text", read(t, r, "out", "a/b/c.txt"))
			require.Equal(t, []string{"a/b/c.txt"}, left(t, out))
			w.Abort()
			require.Equal(t, []string{"a/b/c.txt"}, left(t, out), "aborting after the end does nothing")
		})
	}
}

func TestWritingTheSameAgainEndsTheSame(t *testing.T) {
	out := t.TempDir()
	r := roots(t, t.TempDir(), out)
	first, second := write(t, r, "a", "text"), write(t, r, "a", "text")
	require.Equal(t, first.SHA256, second.SHA256)
	require.Equal(t, "text", read(t, r, "out", "a"))
	require.Equal(t, []string{"a"}, left(t, out))
}

func TestWritersOfOneNameDoNotMix(t *testing.T) {
	out := t.TempDir()
	r := roots(t, t.TempDir(), out)
	var texts []string
	var group sync.WaitGroup
	for i := range 8 {
		text := strings.Repeat(string(rune('a'+i)), 100_000)
		texts = append(texts, text)
		group.Go(func() { write(t, r, "same", text) })
	}
	group.Wait()
	require.Contains(t, texts, read(t, r, "out", "same"))
	require.Equal(t, []string{"same"}, left(t, out))
}

func TestAbortLeavesWhatWasThere(t *testing.T) {
	out := t.TempDir()
	r := roots(t, t.TempDir(), out)
	write(t, r, "a", "before")
	w, err := r.Create("out", "a")
	require.NoError(t, err)
	_, err = w.Write([]byte("half"))
	require.NoError(t, err)
	w.Abort()
	w.Abort()
	require.Equal(t, "before", read(t, r, "out", "a"))
	require.Equal(t, []string{"a"}, left(t, out))
	_, err = w.Write([]byte("x"))
	require.Error(t, err)
	_, err = w.Commit()
	require.Error(t, err)
}

func TestWriteStopsAtTheLimit(t *testing.T) {
	out := t.TempDir()
	r := roots(t, t.TempDir(), out, func(c *Config) { c.MaxBytes = 4 })
	write(t, r, "four", "1234")
	w, err := r.Create("out", "five")
	require.NoError(t, err)
	defer w.Abort()
	_, err = w.Write([]byte("123"))
	require.NoError(t, err)
	_, err = w.Write([]byte("45"))
	fails(t, err, events.ReasonTooLarge, false)
}

func TestCreateLeavesAloneWhatIsNoFile(t *testing.T) {
	out, outside := t.TempDir(), t.TempDir()
	at := func(name string) string { return filepath.Join(out, name) }
	require.NoError(t, os.Mkdir(at("folder"), 0o755))
	require.NoError(t, os.WriteFile(at("file"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(outside, "x"), []byte("keep"), 0o600))
	require.NoError(t, os.Symlink(filepath.Join(outside, "x"), at("link")))
	require.NoError(t, os.Symlink(outside, at("folder-link")))
	require.NoError(t, syscall.Mkfifo(at("pipe"), 0o600))
	r := roots(t, t.TempDir(), out)
	for name, reason := range map[string]events.Reason{
		"folder":        events.ReasonInvalidParameter,
		"file/below":    events.ReasonInvalidParameter,
		"pipe/below":    events.ReasonInvalidParameter,
		"link":          events.ReasonForbiddenTarget,
		"folder-link/x": events.ReasonForbiddenTarget,
		"folder-link/y": events.ReasonForbiddenTarget,
		"pipe":          events.ReasonForbiddenTarget,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.Create("out", name)
			fails(t, err, reason, false)
		})
	}
	require.Equal(t, []string{"x"}, left(t, outside))

	t.Run("what takes the name meanwhile", func(t *testing.T) {
		w, err := r.Create("out", "late")
		require.NoError(t, err)
		require.NoError(t, os.Symlink(filepath.Join(outside, "x"), at("late")))
		_, err = w.Commit()
		fails(t, err, events.ReasonForbiddenTarget, false)
		kept, err := os.ReadFile(filepath.Join(outside, "x"))
		require.NoError(t, err)
		require.Equal(t, "keep", string(kept))
	})
	for _, name := range left(t, out) {
		require.NotContains(t, name, partPrefix)
	}
}

func TestAFullDiskIsTriedAgain(t *testing.T) {
	r := roots(t, t.TempDir(), t.TempDir())
	w, err := r.Create("out", "a")
	require.NoError(t, err)
	defer w.Abort()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	require.NoError(t, w.file.Close())
	w.file = full
	_, err = w.Write([]byte("x"))
	fails(t, err, events.ReasonStorage, true)
	require.ErrorContains(t, err, "make space")
}
