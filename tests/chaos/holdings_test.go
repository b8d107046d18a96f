package chaos

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/stretchr/testify/require"
)

// holdings is what a process has taken from the machine.
type holdings struct{ goroutines, files int }

// slack is how much more a service may hold after work than before it: connections to the database and to the broker that it keeps for the
// next time. What is left by each item, or by each attempt to connect again, would be far more.
const slack = 20

// http is where a service tells how it is.
func (x *member) http() string { return x.process.Find(`http +(http://127\.0\.0\.1:\d+)`) }

// holdings asks all services what they hold, when they are ready.
func (m *mill) holdings() map[string]holdings {
	m.t.Helper()
	all := map[string]holdings{}
	for _, x := range m.members {
		if x.name == nameBroker {
			continue
		}
		giveUp := time.Now().Add(patience)
		var err error
		m.tend(func() bool {
			_, err = get(x.http() + "/readyz")
			return err == nil || time.Now().After(giveUp)
		})
		require.NoError(m.t, err, x.name)
		all[x.name] = m.held(x)
	}
	return all
}

func (m *mill) held(x *member) holdings {
	m.t.Helper()
	text, err := get(x.http() + "/metrics")
	require.NoError(m.t, err, x.name)
	number := func(metric string) int {
		found := regexp.MustCompile(`(?m)^` + metric + ` (\d+)$`).FindStringSubmatch(text)
		require.NotNil(m.t, found, "%s does not tell %s", x.name, metric)
		n, err := strconv.Atoi(found[1])
		require.NoError(m.t, err)
		return n
	}
	return holdings{number("go_goroutines"), number("process_open_fds")}
}

// holdsNoMoreThan checks that, now that nothing is under way, all services have given back what they took meanwhile.
func (m *mill) holdsNoMoreThan(before map[string]holdings) {
	m.t.Helper()
	for _, x := range m.members {
		b, ok := before[x.name]
		if !ok {
			continue
		}
		var now holdings
		giveUp := time.Now().Add(patience)
		m.tend(func() bool {
			now = m.held(x)
			return now.goroutines <= b.goroutines+slack && now.files <= b.files+slack || time.Now().After(giveUp)
		})
		m.t.Logf("%-8s %d goroutines and %d files before, %d and %d afterwards", x.name, b.goroutines, b.files, now.goroutines, now.files)
		require.LessOrEqual(m.t, now.goroutines, b.goroutines+slack, "goroutines of %s", x.name)
		require.LessOrEqual(m.t, now.files, b.files+slack, "files of %s", x.name)
	}
}

// get returns what a GET request is answered with, on a connection that is closed then.
func get(url string) (string, error) {
	request, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, answer.Status, body)
	}
	return string(body), err
}
