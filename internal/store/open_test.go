package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestOpenSQLite(t *testing.T) {
	t.Run("makes the folder, and takes a path with any characters", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "new", "a ?b#c%20d&e.db")
		db, err := Open(t.Context(), "sqlite:"+path, Options{})
		require.NoError(t, err)
		commit(t, db, Entry{Result: result("a", "", 0)})
		require.NoError(t, db.Close())
		require.FileExists(t, path)
		require.False(t, commit(t, openAt(t, path), Entry{Result: result("a", "", 0)})[0].New)
	})
	t.Run("refuses what is no SQLite file, and says what to use", func(t *testing.T) {
		for url, says := range map[string]string{
			"mysql://localhost/x": "sqlite:PATH",
			"":                    "names no file", "sqlite:": "names no file", "sqlite::memory:": "names no file",
		} {
			_, err := Open(t.Context(), url, Options{})
			require.ErrorIs(t, err, ErrURL, url)
			require.ErrorContains(t, err, says, url)
		}
		_, err := Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), Options{Synchronous: "OFF"})
		require.ErrorContains(t, err, "use FULL or NORMAL")
	})
	t.Run("refuses a file that is not a database, and leaves it alone", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "x.db")
		text := strings.Repeat("these are my notes\n", 100)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := Open(t.Context(), path, Options{})
		require.ErrorContains(t, err, path)
		have, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(have))
	})
	t.Run("refuses a second writer and admits readers", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "x.db")
		db := openAt(t, path)
		_, err := Open(t.Context(), path, Options{})
		require.ErrorIs(t, err, ErrInUse)
		require.ErrorContains(t, err, "stop it")
		require.ErrorContains(t, err, "several sinks need")

		reader, err := Open(t.Context(), path, Options{ReadOnly: true})
		require.NoError(t, err)
		commit(t, db, Entry{Result: result("a", "b1", 0)})
		page, err := reader.Results(t.Context(), events.ResultQuery{})
		require.NoError(t, err)
		require.Len(t, page.Results, 1)
		_, err = reader.Commit(t.Context(), []Entry{{Result: result("b", "", 0)}})
		require.ErrorIs(t, err, ErrReadOnly)
		require.NoError(t, reader.Close())
	})
	t.Run("leaves nothing beside the file but its lock, and is read without a writer", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "x.db")
		db, err := Open(t.Context(), path, Options{})
		require.NoError(t, err)
		commit(t, db, Entry{Result: result("a", "b1", 0)})
		require.NoError(t, db.Close())
		there, err := filepath.Glob(path + "*")
		require.NoError(t, err)
		require.Equal(t, []string{path, path + ".lock"}, there)
		reader, err := Open(t.Context(), path, Options{ReadOnly: true})
		require.NoError(t, err)
		require.Len(t, everything(t, reader, events.ResultQuery{Limit: 10}), 1)
		require.NoError(t, reader.Close())
	})
	t.Run("does not make a database to read from", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "x.db")
		_, err := Open(t.Context(), path, Options{ReadOnly: true})
		require.ErrorIs(t, err, os.ErrNotExist)
		require.NoFileExists(t, path)
	})
}
