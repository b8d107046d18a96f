package e2e

import "testing"

// TestUp is about everything that can be tried on one `fetchmill up`.
func TestUp(t *testing.T) {
	m := up(t, t.TempDir(), local...)
	testUse(t, m)
	t.Run("status", func(t *testing.T) { testStatus(t, m) })
	t.Run("status lists hosts that do not answer", func(t *testing.T) { testHosts(t, m) })
	t.Run("ten thousand pages in one batch", func(t *testing.T) { testSubmit(t, m) })
}

// testUse is about what people do with fetchmill in every shape that it runs in.
func testUse(t *testing.T, m *mill) {
	t.Helper()
	t.Run("what is published with the nats command line", func(t *testing.T) { testPublished(t, m) })
	t.Run("what is requested with the nats command line", func(t *testing.T) { testRequested(t, m) })
	t.Run("over HTTP", func(t *testing.T) { testHTTP(t, m) })
	t.Run("retries", func(t *testing.T) { testRetries(t, m) })
	t.Run("a batch that is cancelled ends", func(t *testing.T) { testCancel(t, m) })
	t.Run("dead letters", func(t *testing.T) { testDead(t, m) })
	t.Run("results", func(t *testing.T) { testResults(t, m) })
}
