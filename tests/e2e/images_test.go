package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/cruncher/picture/picturetest"
)

func TestImages(t *testing.T) {
	photo := picturetest.JPEG(picturetest.Photo(2000, 1500))
	require.Greater(t, len(photo), 512<<10, "so that it goes by the store")
	site := newSite(t, map[string]http.HandlerFunc{
		"/photo": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(photo) },
		"/bomb":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(picturetest.PNGHeader(60000, 60000)) },
		"/large": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(picturetest.PNGHeader(6000, 5000)) },
	})
	m := up(t, filepath.Join(t.TempDir(), "data"), local...)
	from := fmt.Sprintf(`{"format":"jpeg","width":2000,"height":1500,"color":"rgb","depth":8,"bytes":%d}`, len(photo))

	m.pub(t, "work.image", site.URL+"/photo")
	r := m.result(t, "image", site.URL+"/photo")
	require.Equal(t, events.StatusOK, r.Status, r.Error)
	require.JSONEq(t, from, string(r.Value))

	m.pub(t, "work.thumbnail", fmt.Sprintf(`{"url":"%s/photo","size":64}`, site.URL))
	r = m.result(t, "thumbnail", site.URL+"/photo")
	require.Equal(t, events.StatusOK, r.Status, r.Error)
	require.Regexp(t, `^\{"format":"jpeg","width":64,"height":48,"bytes":\d+,"from":`, string(r.Value))
	require.Contains(t, string(r.Value), from)

	m.pub(t, "work.thumbnail", site.URL+"/bomb")
	r = m.result(t, "thumbnail", site.URL+"/bomb")
	require.Equal(t, events.ReasonTooLarge, r.Reason, r.Error)
	require.Contains(t, r.Error, "60000 × 60000")

	t.Run("share the memory that there is for them", func(t *testing.T) {
		m := up(t, filepath.Join(t.TempDir(), "data"), append([]string{"--crunch-memory", "100MiB", "--crunchers", "4"}, local...)...)
		require.Contains(t, m.process.Find(`(?m)^ *cruncher +(.*)$`), "4 items at a time; 100 MiB of memory for them")
		var args []string
		for i := range 20 {
			args = append(args, fmt.Sprintf("%s/photo?%d", site.URL, i))
		}
		m.ok(t, append([]string{"submit", "thumbnail", "--wait", "--timeout", "2m"}, args...)...)

		m.pub(t, "work.thumbnail", site.URL+"/large")
		r = m.result(t, "thumbnail", site.URL+"/large")
		require.Equal(t, events.ReasonTooLarge, r.Reason, r.Error)
		require.Contains(t, r.Error, "there are 100 MB for all items together")
		require.Contains(t, r.Error, "raise --crunch-memory")
	})
}
