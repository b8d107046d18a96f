package docs_test

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDashboard_and_alerts_ask_for_metrics_that_are_described compares deploy/ with the table in docs/operating.md.
func TestDashboard_and_alerts_ask_for_metrics_that_are_described(t *testing.T) {
	described, err := os.ReadFile("../../docs/operating.md")
	require.NoError(t, err)
	metric := regexp.MustCompile(`fetchmill_[a-z_]+[a-z]`)
	known := map[string]bool{}
	for _, name := range metric.FindAllString(string(described), -1) {
		known[name] = true
		known[name+"_bucket"] = true
	}
	for _, file := range []string{"../../deploy/grafana/dashboards/fetchmill.json", "../../deploy/prometheus/alerts.yml"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		names := metric.FindAllString(string(text), -1)
		require.NotEmpty(t, names)
		for _, name := range names {
			require.True(t, known[name], "%s asks for %s", file, name)
		}
	}
	var board struct{ Panels []struct{ Title string } }
	text, err := os.ReadFile("../../deploy/grafana/dashboards/fetchmill.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &board))
	require.NotEmpty(t, board.Panels)
}
