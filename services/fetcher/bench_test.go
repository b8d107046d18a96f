package fetcher

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/fetchmill/fetchmill/pkg/ops"
)

// BenchmarkGet counts the server, in the same process, too.
func BenchmarkGet(b *testing.B) {
	page := strings.Repeat("0123456789", 100)
	s := site(b, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) })
	op := network(b).Ops()["http.get"]
	in := ops.Input{With: ops.JSON(args{"url": s.URL + "/page"}), Attempt: 1}
	b.SetParallelism(128)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := op.Run(b.Context(), in); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
