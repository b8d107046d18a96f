package store

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestOpen(t *testing.T) {
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
			"postgres://localhost/x": "not yet supported", "mysql://localhost/x": "sqlite:PATH",
			"": "names no file", "sqlite:": "names no file", "sqlite::memory:": "names no file",
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
	t.Run("refuses a database of a later version", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "x.db")
		db, err := Open(t.Context(), path, Options{})
		require.NoError(t, err)
		_, err = db.writer.conn.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, 1)`)
		require.NoError(t, err)
		require.NoError(t, db.Close())
		_, err = Open(t.Context(), path, Options{})
		require.ErrorContains(t, err, "9000")
		_, err = Open(t.Context(), path, Options{ReadOnly: true})
		require.ErrorContains(t, err, "9000")
	})
	t.Run("refuses a second writer and admits readers", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "x.db")
		db := openAt(t, path)
		_, err := Open(t.Context(), path, Options{})
		require.ErrorIs(t, err, ErrInUse)
		require.ErrorContains(t, err, "stop it")

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
	t.Run("does not make a database to read from", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "x.db")
		_, err := Open(t.Context(), path, Options{ReadOnly: true})
		require.ErrorIs(t, err, os.ErrNotExist)
		require.NoFileExists(t, path)
	})
	t.Run("can be opened again when it is closed, and not be used any more", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "x.db")
		db, err := Open(t.Context(), path, Options{})
		require.NoError(t, err)
		require.NoError(t, db.Close())
		_, err = db.Commit(t.Context(), []Entry{{Result: result("a", "", 0)}})
		require.ErrorIs(t, err, ErrClosed)
		openAt(t, path)
	})
}

// killedWriter is the environment variable that turns the test binary into a process that commits and is then killed.
const killedWriter = "FETCHMILL_TEST_KILLED_WRITER"

func TestMain(m *testing.M) {
	if path := os.Getenv(killedWriter); path != "" {
		commitForEver(path)
	}
	os.Exit(m.Run())
}

func commitForEver(path string) {
	db, err := Open(context.Background(), path, Options{Synchronous: SynchronousNormal})
	for i := int64(0); err == nil; i++ {
		id := events.MsgID(string(rune('a'+i%26))+strings.Repeat("x", int(i/26)), "")
		if _, err = db.Commit(context.Background(), []Entry{{Result: result(id, "b1", i)}}); err == nil {
			_, err = os.Stdout.WriteString(id + "\n") // the acknowledgement
		}
	}
	_, _ = os.Stderr.WriteString(err.Error())
	os.Exit(1)
}

// TestCommitSurvivesKill kills a process while it commits. Whatever it acknowledged must be there, even with the weaker level.
func TestCommitSurvivesKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), killedWriter+"="+path)
	acks := &lines{want: 200, reached: make(chan struct{})}
	cmd.Stdout = acks
	require.NoError(t, cmd.Start())
	select {
	case <-acks.reached:
	case <-t.Context().Done():
	}
	_, err = Open(t.Context(), path, Options{})
	require.ErrorIs(t, err, ErrInUse, "another process has it")
	require.NoError(t, cmd.Process.Kill())
	require.ErrorAs(t, cmd.Wait(), new(*exec.ExitError))

	db := openAt(t, path)
	stored := map[string]bool{}
	for _, r := range everything(t, db, events.ResultQuery{Limit: 1000}) {
		stored[r.ID] = true
	}
	ids := strings.Fields(acks.text.String())
	for _, id := range ids {
		require.True(t, stored[id], "%s was acknowledged and is lost", id)
	}
	require.GreaterOrEqual(t, len(ids), acks.want)
	require.EqualValues(t, len(stored), batchOf(t, db, "b1").Ended())
}

// lines gathers output and tells when it has so many lines.
type lines struct {
	text    strings.Builder
	n, want int
	reached chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	before := l.n
	l.n += strings.Count(string(p), "\n")
	if before < l.want && l.n >= l.want {
		close(l.reached)
	}
	return l.text.Write(p)
}
