package docs_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRecipesThatReadPagesWork(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `<title>Shop</title><p>Tea and more tea</p><a href="milk">Milk</a>`)
	}))
	defer site.Close()
	bin, a := tools(t), up(t, "127.0.0.0/8")
	for recipe, want := range map[string]string{
		"links": `{"links":[{"text":"Milk","url":"` + site.URL + `/milk"}],"title":"Shop"}`,
		"words": `{"distinct":4,"top":[{"count":2,"word":"tea"},{"count":1,"word":"and"},{"count":1,"word":"milk"},{"count":1,"word":"more"}],"words":5}`,
	} {
		t.Run(recipe, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "fetchmill"), "run", recipe, site.URL+"/")
			cmd.Env = append(os.Environ(), "NATS_URL="+a.NATSURL(), "XDG_CONFIG_HOME="+bin, "HOME="+bin)
			out, err := cmd.Output()
			require.NoError(t, err, string(out))
			var result struct{ Value json.RawMessage }
			require.NoError(t, json.Unmarshal(out, &result))
			require.JSONEq(t, want, string(result.Value))
		})
	}
}
