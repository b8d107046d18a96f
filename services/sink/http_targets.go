package sink

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/fetchmill/fetchmill/internal/web"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// errNoTarget means that there is no target of a name.
var errNoTarget = errors.New("there is no such target")

// target finds one target.
func (q *Query) target(ctx context.Context, query events.TargetDetailQuery) (*events.TargetDetail, error) {
	d, err := q.db.Target(ctx, query.Name)
	if err == nil && d == nil {
		err = fmt.Errorf("%w: %.140q; list those that there are with: fetchmill uptime ls", errNoTarget, query.Name)
	}
	return d, err
}

func (q *Query) getTarget(w http.ResponseWriter, r *http.Request) {
	if _, err := parseURL[struct{}](r.URL); err != nil {
		web.WriteProblem(w, badQuery(err))
		return
	}
	d, err := q.target(r.Context(), events.TargetDetailQuery{Name: r.PathValue("name")})
	q.write(w, d, err)
}
