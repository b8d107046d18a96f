package chaos

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// reductions are what every load is reduced to. Of an item that counted twice, or not at all, each of them would tell.
var reductions = []string{
	"count as items", "sum(index) as places", "sum(index * index) as squares", "max(index) as last", "count as endings by index % 10",
	"distinct(key) as keys", "top(status, 3) as states",
}

// model is what the reductions come to if each of n items has counted once; so many different keys are among them.
func model(n, keys int) map[string]string {
	var places, squares int
	endings := map[string]int{}
	for i := range n {
		places += i
		squares += i * i
		endings[fmt.Sprint(i%10)]++
	}
	var list []string
	for k, count := range endings {
		list = append(list, fmt.Sprint(k, ":", count))
	}
	slices.Sort(list)
	return map[string]string{
		"items": fmt.Sprint(n), "places": fmt.Sprint(places), "squares": fmt.Sprint(squares), "last": fmt.Sprint(n - 1),
		"endings": strings.Join(list, " "), "keys": fmt.Sprint(keys), "states": fmt.Sprintf(`[{"value":"ok","count":%d}]`, n),
	}
}

// checkReduced compares what the sink answers for a load with what it has to be.
func checkReduced(t testing.TB, c *client.Client, l *load) {
	t.Helper()
	keys := map[string]bool{}
	for i := range l.n {
		keys[l.item(i)] = true
	}
	answers, err := c.Reduced(t.Context(), l.batch)
	require.NoError(t, err)
	got := map[string]string{}
	for _, r := range answers {
		require.Zero(t, r.Skipped, "%+v", r)
		got[r.Name] = answer(r)
	}
	want := model(l.n, len(keys))
	if len(keys) > 1024 { // beyond, it is an estimate (docs/reduce.md)
		var estimate int
		require.NoError(t, json.Unmarshal([]byte(got["keys"]), &estimate))
		require.InEpsilon(t, len(keys), estimate, 0.06)
		delete(got, "keys")
		delete(want, "keys")
	}
	require.Equal(t, want, got, "what %s is reduced to", l.batch)
}

// answer writes an answer like the model does.
func answer(r events.Reduced) string {
	if r.By == "" {
		return string(r.Value)
	}
	list := make([]string, len(r.Keys))
	for i, k := range r.Keys {
		list[i] = k.Key + ":" + string(k.Value)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}
