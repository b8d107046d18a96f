package credentials

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/fetchmill/fetchmill/internal/secret"
)

// Load reads a file of credentials. It warns if everybody on the machine can read it. An empty path gives no credentials.
func Load(path string, log *slog.Logger) (*Set, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // a nil Set is one without credentials
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	if info.Mode().Perm()&0o004 != 0 {
		log.Warn("everybody on this machine can read the file of credentials: take the right away with chmod o-r", "path", path)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	set, err := Parse(data, secret.System())
	if err != nil {
		return nil, fmt.Errorf("credentials file %s: %w", path, err)
	}
	return set, nil
}
