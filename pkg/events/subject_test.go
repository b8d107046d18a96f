package events_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestSubjects(t *testing.T) {
	t.Run("are what users and other programs have written down", func(t *testing.T) {
		require.Equal(t, "work.uptime", events.WorkSubject("uptime"))
		require.Equal(t, "run.count", events.RunSubject("count"))
		require.Equal(t, "fetch.high.http.get", events.StepSubject(events.StageFetch, events.LaneHigh, "http.get"))
		require.Equal(t, "crunch.low.hash", events.StepSubject(events.StageCrunch, events.LaneLow, "hash"))
		require.Equal(t, "result.page", events.ResultSubject("page"))
		require.Equal(t, "result._batch", events.SubjectBatchRecord)
		require.Equal(t, "done.page", events.DoneSubject("page"))
		require.Equal(t, "event.batch.done", events.SubjectBatchDone)
		require.Equal(t, "dead.ingest.page", events.DeadSubject(events.StageIngest, "page"))
		require.Equal(t, "notice.ops-mail", events.NoticeSubject("ops-mail"))
		require.Equal(t, "dead.notice.ops-mail", events.DeadSubject(events.StageNotice, "ops-mail"))
		require.Equal(t, "query.results", events.SubjectQueryResults)
		require.Equal(t, "query.counts", events.SubjectQueryCounts)
		require.Equal(t, "query.batches", events.SubjectQueryBatches)
		require.Equal(t, "query.targets", events.SubjectQueryTargets)
		require.Equal(t, "query.target", events.SubjectQueryTarget)
		require.Equal(t, "query.incidents", events.SubjectQueryIncidents)
		require.Equal(t, "uptime.apply", events.SubjectUptimeApply)
		require.Equal(t, "uptime.rm", events.SubjectUptimeRemove)
		require.Equal(t, "event.target.down", events.TargetSubject(events.ChangeDown))
		require.Equal(t, "event.outage.began", events.SubjectOutageBegan)
		require.Equal(t, "event.outage.over", events.SubjectOutageOver)
		require.Equal(t, "batch.open", events.SubjectBatchOpen)
		require.Equal(t, "batch.close", events.SubjectBatchClose)
		require.Equal(t, "batch.cancel", events.SubjectBatchCancel)
	})

	t.Run("of dead letters have a place for recipes that cannot be named", func(t *testing.T) {
		for _, recipe := range []string{"", "a.b", "*", ">", "A", "a b", strings.Repeat("a", 65)} {
			require.Equal(t, "dead.fetch._", events.DeadSubject(events.StageFetch, recipe))
		}
	})

	t.Run("of batch records can never be those of a recipe", func(t *testing.T) {
		require.Error(t, events.ValidName(strings.TrimPrefix(events.SubjectBatchRecord, events.PrefixResult)))
	})

	t.Run("of work name their recipe", func(t *testing.T) {
		recipe, err := events.RecipeOfWork("work.uptime")
		require.NoError(t, err)
		require.Equal(t, "uptime", recipe)
		for _, subject := range []string{"", "work", "work.", "work.a.b", "done.uptime", "work.UP"} {
			_, err := events.RecipeOfWork(subject)
			require.Error(t, err, subject)
		}
	})

	t.Run("of the broker and of our own are internal, inboxes are not", func(t *testing.T) {
		for _, subject := range []string{
			"$JS.API.STREAM.DELETE.WORK", "work.x", "fetch.high.x", "crunch.low.x", "result.x", "done.x", "event.x",
			"dead.fetch.x", "run.x", "batch.open", "query.results", "schedule.x", "tick.x", "notice.x", "channel.test", "uptime.apply",
		} {
			require.True(t, events.Internal(subject), subject)
		}
		for _, subject := range []string{"_INBOX.abc.1", "answers.mine", "workshop.x", "runner"} {
			require.False(t, events.Internal(subject), subject)
		}
	})
}

func TestNames(t *testing.T) {
	valid := func(check func(string) error, names ...string) {
		t.Helper()
		for _, name := range names {
			require.NoError(t, check(name), "%q", name)
		}
	}
	invalid := func(check func(string) error, names ...string) {
		t.Helper()
		for _, name := range names {
			require.ErrorIs(t, check(name), events.ErrName, "%q", name)
		}
	}
	t.Run("of recipes can stand in a subject", func(*testing.T) {
		valid(events.ValidName, "a", "7", "http-check_2", strings.Repeat("a", 64))
		invalid(events.ValidName, "", "_a", "-a", "A", "a.b", "a b", "a\n", "é", "a*", ">", strings.Repeat("a", 65))
	})
	t.Run("of batches can stand in a key", func(*testing.T) {
		valid(events.ValidBatch, "a", "B1", "2026-01-31.nightly_2", "a-", strings.Repeat("a", 128))
		invalid(events.ValidBatch, "", "_a", ".a", "a.", "a..b", "a b", "a/b", "a\n", "é", "*", strings.Repeat("a", 129))
	})
}

func TestParseLane(t *testing.T) {
	for _, lane := range events.Lanes() {
		got, err := events.ParseLane(string(lane))
		require.NoError(t, err)
		require.Equal(t, lane, got)
	}
	got, err := events.ParseLane("")
	require.NoError(t, err)
	require.Equal(t, events.LaneNormal, got)
	_, err = events.ParseLane("HIGH")
	require.ErrorContains(t, err, "use high, normal or low")
}
