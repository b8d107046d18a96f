package app

import (
	"fmt"
	"strings"

	"github.com/fetchmill/fetchmill/services/fetcher/files"
	"github.com/fetchmill/fetchmill/services/fetcher/queries"
)

// sources are what the fetcher can read and write beside the network.
type sources struct {
	files   *files.Roots
	queries *queries.Catalogue // nil for none
}

// sources opens them, and closes them with the app.
func (a *App) sources() (s sources, err error) {
	if s.files, err = files.Open(a.cfg.Files); err != nil {
		return s, err
	}
	a.onClose(s.files.Close)
	if a.cfg.Queries == "" {
		return s, nil
	}
	if s.queries, err = queries.Load(a.cfg.Queries); err != nil {
		return s, fmt.Errorf("--queries %s: %w", a.cfg.Queries, err)
	}
	a.onClose(s.queries.Close)
	return s, nil
}

// describe adds what there is to the banner.
func (s sources) describe(a *App) {
	var list []string
	for _, root := range s.files.List() {
		mode := "read"
		if root.Writable {
			mode = "read and write"
		}
		list = append(list, fmt.Sprintf("%s=%s (%s)", root.Name, root.Dir, mode))
	}
	if len(list) > 0 {
		a.describe("files", "%s", strings.Join(list, ", "))
	}
	if s.queries != nil {
		a.describe("queries", "%s", s.queries)
	}
}
