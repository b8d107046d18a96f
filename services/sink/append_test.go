package sink

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// inMarch is when the results are new, so that the files are remembered.
func inMarch() time.Time { return noon }

// appendAll writes all that is committed.
func appendAll(t testing.TB, db *store.DB, dir string) {
	t.Helper()
	a, err := NewAppend(db, dir, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	a.now = inMarch
	defer func() { require.NoError(t, a.Close()) }()
	for {
		n, err := a.step(t.Context())
		require.NoError(t, err)
		if n == 0 {
			return
		}
	}
}

// inFiles reads the results in the files, in the order of each file.
func inFiles(t testing.TB, dir string) map[string][]events.Result {
	t.Helper()
	all := map[string][]events.Result{}
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".ndjson" {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		lines := bufio.NewScanner(bytes.NewReader(data))
		for lines.Scan() {
			r, err := events.DecodeResult(bytes.Clone(lines.Bytes()))
			require.NoError(t, err, "%s: %s", name, lines.Text())
			all[filepath.ToSlash(name)] = append(all[filepath.ToSlash(name)], *r)
		}
		return lines.Err()
	}))
	return all
}

// commitDays commits results of two recipes and three days, some of them twice.
func commitDays(t testing.TB, db *store.DB, from, to int) {
	t.Helper()
	var entries []store.Entry
	for i := from; i < to; i++ {
		r := result(fmt.Sprint("id", i), "")
		r.Recipe, r.Finished = []string{"page", "json"}[i%2], noon.Add(time.Duration(i%3)*24*time.Hour)
		entries = append(entries, store.Entry{Result: r})
	}
	for range 2 {
		_, err := db.Commit(context.Background(), entries)
		require.NoError(t, err)
	}
}

// requireOnce checks that the files have each result once, in the order of commits, in the file where it belongs.
func requireOnce(t testing.TB, db *store.DB, dir string, n int) {
	t.Helper()
	want := map[string][]events.Result{}
	q := events.ResultQuery{Limit: 1000}
	for {
		page, err := db.Results(t.Context(), q)
		require.NoError(t, err)
		if len(page.Results) == 0 {
			break
		}
		for _, r := range page.Results {
			want[appendFile(&r)] = append(want[appendFile(&r)], r)
			n--
		}
		q.After = page.Next
	}
	require.Zero(t, n)
	require.Equal(t, want, inFiles(t, dir))
}

func TestAppend(t *testing.T) {
	t.Run("writes each result once, by recipe and day", func(t *testing.T) {
		db, dir := openDB(t), filepath.Join(t.TempDir(), "new")
		commitDays(t, db, 0, 30)
		appendAll(t, db, dir)
		requireOnce(t, db, dir, 30)
		require.Len(t, inFiles(t, dir), 6)
		require.Contains(t, inFiles(t, dir), "page/2026-03-01.ndjson")
		commitDays(t, db, 20, 50)
		appendAll(t, db, dir)
		requireOnce(t, db, dir, 50)
	})
	t.Run("cuts off what a crash has left", func(t *testing.T) {
		db, dir := openDB(t), t.TempDir()
		commitDays(t, db, 0, 5)
		appendAll(t, db, dir)
		note, err := os.ReadFile(filepath.Join(dir, appendStateFile))
		require.NoError(t, err)
		commitDays(t, db, 5, 9)
		appendAll(t, db, dir)
		// As if it had died after it had written everything, with half a line more, and before it noted anything but the files that it began.
		var state appendState
		require.NoError(t, json.Unmarshal(note, &state))
		for name := range inFilesOf(t, dir) {
			state.Files[name] += 0
		}
		note, err = json.Marshal(state)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, appendStateFile), note, 0o600))
		f, err := os.OpenFile(filepath.Join(dir, "page", "2026-03-01.ndjson"), os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteString(`{"id":"half a li`)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		appendAll(t, db, dir)
		requireOnce(t, db, dir, 9)
	})
	t.Run("goes on with files that it has forgotten", func(t *testing.T) {
		db, dir := openDB(t), t.TempDir()
		for i := range 3 {
			commitDays(t, db, 10*i, 10*i+10)
			a, err := NewAppend(db, dir, slog.New(slog.DiscardHandler)) // today, they are old
			require.NoError(t, err)
			_, err = a.step(t.Context())
			require.NoError(t, err)
			require.Empty(t, a.state.Files)
			require.NoError(t, a.Close())
		}
		requireOnce(t, db, dir, 30)
	})
	t.Run("begins anew a file that has been taken away", func(t *testing.T) {
		db, dir := openDB(t), t.TempDir()
		commitDays(t, db, 0, 1)
		appendAll(t, db, dir)
		require.NoError(t, os.Remove(filepath.Join(dir, "page", "2026-03-01.ndjson")))
		commitDays(t, db, 6, 7)
		appendAll(t, db, dir)
		require.Len(t, inFiles(t, dir)["page/2026-03-01.ndjson"], 1)
	})
	t.Run("refuses a folder that another one has, and a note that it cannot read", func(t *testing.T) {
		db, dir := openDB(t), t.TempDir()
		a, err := NewAppend(db, dir, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		_, err = NewAppend(db, dir, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, "a folder of its own")
		require.NoError(t, a.Close())
		require.NoError(t, os.WriteFile(filepath.Join(dir, appendStateFile), []byte("{"), 0o600))
		_, err = NewAppend(db, dir, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, "use a new folder")
	})
	t.Run("writes nowhere else, whatever links there are", func(t *testing.T) {
		db, dir, other := openDB(t), t.TempDir(), t.TempDir()
		require.NoError(t, os.Symlink(other, filepath.Join(dir, "page")))
		commitDays(t, db, 0, 1)
		a, err := NewAppend(db, dir, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		defer func() { require.NoError(t, a.Close()) }()
		_, err = a.step(t.Context())
		require.Error(t, err)
		entries, err := os.ReadDir(other)
		require.NoError(t, err)
		require.Empty(t, entries)
	})
}

// inFilesOf lists the files by name, whatever is in them.
func inFilesOf(t testing.TB, dir string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(name) == ".ndjson" {
			names[filepath.ToSlash(name)] = true
		}
		return err
	}))
	return names
}

const envAppend = "FETCHMILL_TEST_APPEND" // the database and the folder

// TestAppendProcess is a process of TestAppend_survives_kills and nothing by itself.
func TestAppendProcess(t *testing.T) {
	path, dir, ok := cutList(os.Getenv(envAppend))
	if !ok {
		return
	}
	db, err := store.Open(t.Context(), path, store.Options{ReadOnly: true})
	require.NoError(t, err)
	a, err := NewAppend(db, dir, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	a.every, a.now = time.Millisecond, inMarch
	a.Run(t.Context())
}

func cutList(list string) (a, b string, ok bool) {
	parts := filepath.SplitList(list)
	if len(parts) != 2 {
		return "", "", false
	}
	return parts[0], parts[1], true
}

func TestAppend_survives_kills(t *testing.T) {
	const kills, each = 6, 1500
	path, dir := filepath.Join(t.TempDir(), "sink.db"), t.TempDir()
	db, err := store.Open(t.Context(), path, store.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for i := range kills {
		commitDays(t, db, i*each, (i+1)*each)
		cmd := exec.Command(os.Args[0], "-test.run=^TestAppendProcess$")
		cmd.Env = append(os.Environ(), envAppend+"="+path+string(filepath.ListSeparator)+dir)
		require.NoError(t, cmd.Start())
		// Killed while it is at it: somewhere between the first new byte and the last.
		more := sizeOf(t, dir) + 1 + rand.Int64N(100_000)
		require.Eventually(t, func() bool { return sizeOf(t, dir) >= more }, patience, 100*time.Microsecond)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // killed is how it ends
	}
	appendAll(t, db, dir)
	requireOnce(t, db, dir, kills*each)
}

// sizeOf is how much is in the files.
func sizeOf(t testing.TB, dir string) (size int64) {
	t.Helper()
	for name := range inFilesOf(t, dir) {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
			size += info.Size()
		}
	}
	return size
}

func FuzzAppendState(f *testing.F) {
	f.Add([]byte(`{"after":"x","files":{"page/2026-03-01.ndjson":7}}`))
	f.Add([]byte(`{"files":{"../x.ndjson":-1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseAppendState(data)
		if err != nil {
			return
		}
		for name, size := range s.Files {
			require.GreaterOrEqual(t, size, int64(0), name)
		}
	})
}
