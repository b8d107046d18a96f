package sink

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/fetchmill/fetchmill/internal/web"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// errNoWindow means that there is no window of an id.
var errNoWindow = errors.New("there is no such window")

// window finds one window.
func (q *Query) window(ctx context.Context, query events.WindowDetailQuery) (*events.WindowDetail, error) {
	d, err := q.db.Window(ctx, query.ID)
	if err == nil && d == nil {
		err = fmt.Errorf("%w: %.40s, or it is kept no longer; list those that there are with: fetchmill windows ls", errNoWindow, query.ID)
	}
	return d, err
}

func (q *Query) getWindow(w http.ResponseWriter, r *http.Request) {
	if _, err := parseURL[struct{}](r.URL); err != nil {
		web.WriteProblem(w, badQuery(err))
		return
	}
	d, err := q.window(r.Context(), events.WindowDetailQuery{ID: r.PathValue("id")})
	q.write(w, d, err)
}
