package app

import (
	"fmt"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/services/cruncher"
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
// partFiles are the operator's folders as the cruncher sees them.
type partFiles struct{ *files.Roots }

// Open opens a file below one of them.
func (p partFiles) Open(root, path string) (cruncher.File, error) {
	f, err := p.Roots.Open(root, path)
	if err != nil {
		return nil, err
	}
	return partFile{f}, nil
}

type partFile struct{ *files.Reader }

func (f partFile) Size() int64         { return f.Info.Size() }
func (f partFile) Modified() time.Time { return f.Info.ModTime() }

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
