package files

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestOpenReadsRegularFilesBelowTheRoot(t *testing.T) {
	in := t.TempDir()
	require.NoError(t, os.MkdirAll(in+"/a/b", 0o755))
	require.NoError(t, os.WriteFile(in+"/a/b/c.txt", []byte("text"), 0o600))
	require.NoError(t, os.Symlink("b/c.txt", in+"/a/link"))
	r := roots(t, in, t.TempDir())
	require.Equal(t, "text", read(t, r, "in", "a/b/c.txt"))
	require.Equal(t, "text", read(t, r, "in", "a/link"), "a link that stays below the root is followed")
	require.NoError(t, os.WriteFile(filepath.Join(r.List()[1].Dir, "x"), []byte("out"), 0o600))
	require.Equal(t, "out", read(t, r, "out", "x"), "a writable root can be read")
}

func TestOpenRefusesWhatIsNoFileBelowTheRoot(t *testing.T) {
	in, outside := t.TempDir(), t.TempDir()
	at := func(name string) string { return filepath.Join(in, name) }
	require.NoError(t, os.Mkdir(at("folder"), 0o755))
	require.NoError(t, os.WriteFile(at("file"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret"), at("absolute")))
	require.NoError(t, os.Symlink("../"+filepath.Base(outside)+"/secret", at("relative")))
	require.NoError(t, os.Symlink(outside, at("folder-link")))
	require.NoError(t, os.Symlink("round", at("round")))
	require.NoError(t, os.Symlink("/dev/zero", at("zero")))
	require.NoError(t, syscall.Mkfifo(at("pipe"), 0o600))
	require.NoError(t, os.Symlink("pipe", at("pipe-link")))
	socket, err := net.Listen("unix", at("socket"))
	require.NoError(t, err)
	defer socket.Close()

	r := roots(t, in, t.TempDir())
	for name, reason := range map[string]events.Reason{
		"nothing":            events.ReasonNotFound,
		"folder/nothing":     events.ReasonNotFound,
		"file/below":         events.ReasonNotFound,
		"pipe/below":         events.ReasonNotFound,
		"folder":             events.ReasonInvalidParameter,
		"absolute":           events.ReasonForbiddenTarget,
		"relative":           events.ReasonForbiddenTarget,
		"folder-link/secret": events.ReasonForbiddenTarget,
		"round":              events.ReasonForbiddenTarget,
		"zero":               events.ReasonForbiddenTarget,
		"pipe":               events.ReasonForbiddenTarget,
		"pipe-link":          events.ReasonForbiddenTarget,
		"socket":             events.ReasonForbiddenTarget,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.Open("in", name)
			fails(t, err, reason, false)
			require.NotContains(t, err.Error(), outside)
		})
	}
}

func TestOpenRefusesADevice(t *testing.T) {
	r, err := Open(Config{Read: []string{"dev=/dev"}})
	require.NoError(t, err)
	defer r.Close()
	_, err = r.Open("dev", "null")
	fails(t, err, events.ReasonForbiddenTarget, false)
	require.ErrorContains(t, err, "a device")
}

func TestOpenRefusesFilesOverTheLimit(t *testing.T) {
	in := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(in, "four"), []byte("1234"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(in, "five"), []byte("12345"), 0o600))
	r := roots(t, in, t.TempDir(), func(c *Config) { c.MaxBytes = 4 })
	require.Equal(t, "1234", read(t, r, "in", "four"))
	_, err := r.Open("in", "five")
	fails(t, err, events.ReasonTooLarge, false)
}

func TestVerdictsOfTheOperatingSystem(t *testing.T) {
	for _, row := range []struct {
		doing     string
		errno     syscall.Errno
		reason    events.Reason
		temporary bool
	}{
		{reading, syscall.EACCES, events.ReasonForbiddenTarget, false},
		{reading, syscall.EPERM, events.ReasonForbiddenTarget, false},
		{reading, syscall.ENOENT, events.ReasonNotFound, false},
		{reading, syscall.EIO, events.ReasonStorage, true},
		{reading, syscall.EMFILE, events.ReasonStorage, true},
		{reading, syscall.ESTALE, events.ReasonStorage, true},
		{reading, syscall.ENAMETOOLONG, events.ReasonInvalidParameter, false},
		{writing, syscall.ENOSPC, events.ReasonStorage, true},
		{writing, syscall.EDQUOT, events.ReasonStorage, true},
		{writing, syscall.EROFS, events.ReasonForbiddenTarget, false},
		{writing, syscall.EISDIR, events.ReasonInvalidParameter, false},
		{writing, syscall.ENOTDIR, events.ReasonInvalidParameter, false},
		{writing, syscall.ENOENT, events.ReasonStorage, true},
	} {
		t.Run(row.doing+" "+row.errno.Error(), func(t *testing.T) {
			for _, err := range []error{
				&os.PathError{Op: "openat", Path: "/srv/x", Err: row.errno},
				&os.LinkError{Op: "renameat", Old: "/srv/x", New: "/srv/y", Err: row.errno},
			} {
				err = verdict(row.doing, "out", "a", err)
				fails(t, err, row.reason, row.temporary)
				require.ErrorIs(t, err, row.errno)
				require.NotContains(t, err.Error(), "/srv")
			}
		})
	}
}
