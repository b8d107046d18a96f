package channels

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"

	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/services/sink/notices/outlet"
)

// Config is what a file needs from its surroundings.
type Config struct {
	Secrets secret.Source
	Reach   outlet.Reach // what all channels may connect to; each can have more
	// Helper makes the process that sends for shoutrrr: one that calls outlet.Shout.
	Helper func(ctx context.Context) *exec.Cmd
}

// maxBytes is how large a file may be.
const maxBytes = 1 << 20

// Load reads a file of channels. It warns if everybody on the machine can read it. An empty path gives no channels. Close the catalogue
// in the end.
func Load(path string, cfg Config, log *slog.Logger) (*Catalogue, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // a nil Catalogue is one without channels
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("channels: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("channels: %w", err)
	}
	if info.Mode().Perm()&0o004 != 0 {
		log.Warn("everybody on this machine can read the file of channels: take the right away with chmod o-r, or keep secrets elsewhere", "path", path)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("channels: %w", err)
	}
	c, err := Parse(data, cfg)
	if err != nil {
		return nil, fmt.Errorf("channels file %s: %w", path, err)
	}
	return c, nil
}
