package robots

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// web is what Fetch finds.
type web struct {
	mu     sync.Mutex
	status int
	body   string
	err    error
	asked  []string
}

func (w *web) set(status int, body string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status, w.body, w.err = status, body, err
}

func (w *web) fetch(_ context.Context, u string) (int, []byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, u)
	return w.status, []byte(w.body), w.err
}

func (w *web) times() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked)
}

// site is a cache with the web that it looks at.
type site struct {
	*Cache
	fetch Fetch
}

func cache(t testing.TB, cfg Config, fetch Fetch) site {
	t.Helper()
	c, err := NewCache(cfg)
	require.NoError(t, err)
	return site{c, fetch}
}

func check(t testing.TB, c site, raw string) (Verdict, error) {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return c.Check(t.Context(), u, c.fetch, nil)
}

func allowed(t testing.TB, c site, raw string) bool {
	t.Helper()
	v, err := check(t, c, raw)
	require.NoError(t, err)
	return v.Allowed
}

func unreachable(t testing.TB, c site) *UnreachableError {
	t.Helper()
	_, err := check(t, c, "https://example.com/a")
	e, ok := errors.AsType[*UnreachableError](err)
	require.True(t, ok, "%v", err)
	return e
}

// advance lets time pass in a bubble.
func advance(d time.Duration) { <-time.After(d) }

const forbidA = "User-agent: *\nDisallow: /a"

func TestCache(t *testing.T) {
	fake := func(name string, f func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
	}

	fake("a file is used for a day", func(t *testing.T) {
		w := &web{status: 200, body: forbidA}
		c := cache(t, Config{MaxAge: 48 * time.Hour}, w.fetch)
		require.False(t, allowed(t, c, "https://example.com/a?b"))
		require.True(t, allowed(t, c, "https://EXAMPLE.com:443/b"))
		require.Equal(t, []string{"https://example.com/robots.txt"}, w.asked)
		w.set(200, "", nil)
		advance(24*time.Hour - 1)
		require.False(t, allowed(t, c, "https://example.com/a"))
		advance(1)
		require.True(t, allowed(t, c, "https://example.com/a"))
		require.Equal(t, 2, w.times())
	})

	fake("each scheme, host and port has its own", func(t *testing.T) {
		w := &web{status: 200}
		c := cache(t, Config{}, w.fetch)
		for _, u := range []string{"http://a.example/", "https://a.example/", "http://a.example:8080/", "http://[::1]/", "http://b.example/"} {
			require.True(t, allowed(t, c, u))
		}
		require.Equal(t, []string{
			"http://a.example/robots.txt", "https://a.example/robots.txt", "http://a.example:8080/robots.txt",
			"http://[::1]/robots.txt", "http://b.example/robots.txt",
		}, w.asked)
	})

	for _, status := range []int{301, 400, 401, 403, 404, 410, 499} {
		fake(fmt.Sprintf("status %d: nothing is forbidden", status), func(t *testing.T) {
			w := &web{status: status, body: "User-agent: *\nDisallow: /"}
			require.True(t, allowed(t, cache(t, Config{}, w.fetch), "https://example.com/a"))
		})
	}
	for _, status := range []int{429, 500, 503, 599} {
		fake(fmt.Sprintf("status %d: everything is forbidden until it is known", status), func(t *testing.T) {
			w := &web{status: status}
			c := cache(t, Config{}, w.fetch)
			e := unreachable(t, c)
			require.ErrorContains(t, e, fmt.Sprint("https://example.com/robots.txt cannot be read, so nothing may be fetched from this host until it can: status ", status))
			require.Equal(t, 30*time.Second, e.After)
			advance(10 * time.Second)
			require.Equal(t, 20*time.Second, unreachable(t, c).After)
			require.Equal(t, 1, w.times())
			w.set(200, "", nil)
			advance(20 * time.Second)
			require.True(t, allowed(t, c, "https://example.com/a"))
		})
	}

	fake("what a file last said holds while it is unreachable", func(t *testing.T) {
		w := &web{status: 200, body: forbidA}
		c := cache(t, Config{}, w.fetch)
		require.False(t, allowed(t, c, "https://example.com/a"))
		w.set(0, "", errors.New("connection refused"))
		for range 60 { // days
			advance(24 * time.Hour)
			require.False(t, allowed(t, c, "https://example.com/a"))
			require.True(t, allowed(t, c, "https://example.com/b"))
		}
	})

	fake("a file that was unreachable for 30 days forbids nothing", func(t *testing.T) {
		w := &web{err: errors.New("connection refused")}
		c := cache(t, Config{}, w.fetch)
		for range 30 {
			require.ErrorIs(t, unreachable(t, c), w.err)
			advance(24 * time.Hour)
		}
		require.ErrorIs(t, unreachable(t, c), w.err)
		advance(time.Minute)
		require.True(t, allowed(t, c, "https://example.com/a"))
	})

	fake("many ask, and one fetches", func(t *testing.T) {
		var fetches atomic.Int32
		c := cache(t, Config{}, func(context.Context, string) (int, []byte, error) {
			fetches.Add(1)
			advance(time.Second)
			return 200, []byte(forbidA), nil
		})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				v, err := check(t, c, "https://example.com/a")
				if err != nil || v.Allowed {
					t.Error(v, err)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, fetches.Load())
	})

	fake("when the one who fetches is called off, the next one does it", func(t *testing.T) {
		var fetches atomic.Int32
		c := cache(t, Config{}, func(ctx context.Context, _ string) (int, []byte, error) {
			fetches.Add(1)
			select {
			case <-ctx.Done():
				return 0, nil, ctx.Err()
			case <-time.After(time.Second):
				return 200, nil, nil
			}
		})
		u, err := url.Parse("https://example.com/")
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error), make(chan error)
		go func() { _, err := c.Check(ctx, u, c.fetch, nil); first <- err }()
		synctest.Wait()
		go func() { _, err := c.Check(t.Context(), u, c.fetch, nil); second <- err }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-first, context.Canceled)
		require.NoError(t, <-second)
		require.EqualValues(t, 2, fetches.Load())
	})

	fake("who waits for another's fetch can be called off", func(t *testing.T) {
		c := cache(t, Config{}, func(context.Context, string) (int, []byte, error) { advance(time.Second); return 200, nil, nil })
		u := &url.URL{Scheme: "https", Host: "example.com"}
		done := make(chan error)
		go func() { _, err := c.Check(t.Context(), u, c.fetch, nil); done <- err }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var parked, resumed int
		_, err := c.Check(ctx, u, c.fetch, func() func() { parked++; return func() { resumed++ } })
		require.Equal(t, []int{1, 1}, []int{parked, resumed}, "and costs no place meanwhile")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, <-done)
	})

	fake("a passing error is not remembered", func(t *testing.T) {
		passing := errors.New("not our turn")
		w := &web{err: passing}
		c := cache(t, Config{Passing: func(err error) bool { return errors.Is(err, passing) }}, w.fetch)
		_, err := check(t, c, "https://example.com/a")
		require.Equal(t, passing, err)
		w.set(200, forbidA, nil)
		require.False(t, allowed(t, c, "https://example.com/a"))
	})

	fake("what has not been used for longest makes room", func(t *testing.T) {
		w := &web{status: 200}
		c := cache(t, Config{Hosts: 2}, w.fetch)
		for _, host := range []string{"a", "b", "a", "c", "a", "b"} { // c drives b out, b drives c out
			require.True(t, allowed(t, c, "https://"+host+"/"))
		}
		require.Equal(t, 4, w.times())
		require.Len(t, c.files, 2)
		require.Equal(t, 2, c.recent.Len())
	})

	fake("memory is bounded", func(t *testing.T) {
		w := &web{status: 200, body: "User-agent: *\nDisallow: /" + strings.Repeat("x", 10_000)}
		c := cache(t, Config{Bytes: 100_000}, w.fetch)
		for i := range 50 {
			require.True(t, allowed(t, c, fmt.Sprintf("https://host%d/", i)))
			require.LessOrEqual(t, c.bytes, int64(100_000))
		}
		require.Less(t, len(c.files), 6)
		var sum int64
		for _, e := range c.files {
			sum += of(e).counted
		}
		require.Equal(t, sum, c.bytes)
	})

	t.Run("an agent needs a name that files can use", func(t *testing.T) {
		for _, name := range []string{"fetch mill", "fetchmill/1", "2", "fétch"} {
			_, err := NewCache(Config{Agent: name})
			require.ErrorContains(t, err, "letters", name)
		}
	})
}
