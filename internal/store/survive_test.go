package store

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func (r rig) testOpenAgain(t *testing.T) {
	t.Run("keeps what it has, and cannot be used once it is closed", func(t *testing.T) {
		url := r.fresh(t)
		db, err := Open(t.Context(), url, Options{})
		require.NoError(t, err)
		commit(t, db, Entry{Result: result("a", "", 0)})
		require.NoError(t, db.Close())
		_, err = db.Commit(t.Context(), []Entry{{Result: result("a", "", 0)}})
		require.ErrorIs(t, err, ErrClosed)
		require.False(t, commit(t, openAt(t, url), Entry{Result: result("a", "", 0)})[0].New)
	})
	t.Run("reads beside a process that writes, and does not write then", func(t *testing.T) {
		url := r.fresh(t)
		db := openAt(t, url)
		reader, err := Open(t.Context(), url, Options{ReadOnly: true})
		require.NoError(t, err)
		commit(t, db, Entry{Result: result("a", "b1", 0)})
		require.Len(t, everything(t, reader, events.ResultQuery{}), 1)
		_, err = reader.Commit(t.Context(), []Entry{{Result: result("b", "", 0)}})
		require.ErrorIs(t, err, ErrReadOnly)
		require.NoError(t, reader.Close())
	})
	t.Run("refuses a database of a later version", func(t *testing.T) {
		url := r.fresh(t)
		db, err := Open(t.Context(), url, Options{})
		require.NoError(t, err)
		require.NoError(t, db.Close())
		r.exec(t, url, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, true)`)
		_, err = Open(t.Context(), url, Options{})
		require.ErrorContains(t, err, "9000")
		_, err = Open(t.Context(), url, Options{ReadOnly: true})
		require.ErrorContains(t, err, "9000")
	})
	t.Run("does not give a number out again, although its row is gone", func(t *testing.T) {
		url := r.fresh(t)
		db, err := Open(t.Context(), url, Options{})
		require.NoError(t, err)
		commit(t, db, Entry{Result: result("a", "", 0)}, Entry{Result: result("b", "", 0)})
		page, err := db.Results(t.Context(), events.ResultQuery{})
		require.NoError(t, err)
		require.NoError(t, db.Close())
		r.exec(t, url, `DELETE FROM results`)
		db = openAt(t, url)
		commit(t, db, Entry{Result: result("c", "", 0)})
		require.Len(t, everything(t, db, events.ResultQuery{After: page.Next}), 1)
	})
}

// killedWriter is the environment variable that turns the test binary into a process that commits and is then killed.
const killedWriter = "FETCHMILL_TEST_KILLED_WRITER"

func TestMain(m *testing.M) {
	if url := os.Getenv(killedWriter); url != "" {
		commitForEver(url)
	}
	os.Exit(m.Run())
}

func commitForEver(url string) {
	db, err := Open(context.Background(), url, Options{Synchronous: SynchronousNormal})
	for i := int64(0); err == nil; i++ {
		id := events.MsgID(string(rune('a'+i%26))+strings.Repeat("x", int(i/26)), "")
		if _, err = db.Commit(context.Background(), []Entry{{Result: result(id, "b1", i)}}); err == nil {
			_, err = os.Stdout.WriteString(id + "\n") // the acknowledgement
		}
	}
	_, _ = os.Stderr.WriteString(err.Error())
	os.Exit(1)
}

// testCommitSurvivesKill kills a process while it commits. Whatever it acknowledged must be there, even with the weaker level.
func (r rig) testCommitSurvivesKill(t *testing.T) {
	url := r.fresh(t)
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), killedWriter+"="+url)
	acks := &lines{want: 200, reached: make(chan struct{})}
	cmd.Stdout = acks
	var faults strings.Builder
	cmd.Stderr = &faults
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-acks.reached:
	case err := <-ended:
		require.NoError(t, err, faults.String())
	}
	require.NoError(t, cmd.Process.Kill())
	require.ErrorAs(t, <-ended, new(*exec.ExitError))

	db := openAt(t, url)
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
