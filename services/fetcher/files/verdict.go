package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// What was being done when something failed.
const (
	reading = "read"
	writing = "write"
)

// verdict says how an item goes on after an error of the operating system. The text has the path below the root only: where the
// root itself is, is the operator's affair.
func verdict(doing, rootName, name string, err error) error {
	cause := err
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		cause = pe.Err
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		cause = le.Err
	}
	say := func(remedy string) error {
		return fmt.Errorf("%s %.200s in root %s: %w%s", doing, name, rootName, cause, remedy)
	}
	errno, system := errors.AsType[syscall.Errno](cause)
	switch {
	case doing == writing && errno == syscall.ENOTDIR:
		return ops.Fail(events.ReasonInvalidParameter, say(": a part of the path is a file"))
	case doing == writing && errors.Is(cause, fs.ErrNotExist): // somebody has removed the folder
		return ops.Retry(events.ReasonStorage, say(""))
	case errors.Is(cause, fs.ErrNotExist), errno == syscall.ENOTDIR:
		return ops.Fail(events.ReasonNotFound, say(""))
	case errors.Is(cause, fs.ErrPermission):
		return ops.Fail(events.ReasonForbiddenTarget, say("; the fetcher's user needs the right to it"))
	case errors.Is(cause, fs.ErrClosed):
		return ops.Retry(events.ReasonStorage, say(""))
	case !system: // os.Root itself refuses
		return ops.Fail(events.ReasonForbiddenTarget, say("; only files below the root can be reached, and links that stay below it"))
	}
	switch errno {
	case syscall.EISDIR:
		return ops.Fail(events.ReasonInvalidParameter, say("; name a file"))
	case syscall.ENAMETOOLONG:
		return ops.Fail(events.ReasonInvalidParameter, say(""))
	case syscall.ELOOP, syscall.ENXIO, syscall.ENODEV, syscall.EROFS:
		return ops.Fail(events.ReasonForbiddenTarget, say(""))
	case syscall.ENOSPC, syscall.EDQUOT:
		return ops.Retry(events.ReasonStorage, say("; make space on the fetcher's disk"))
	default:
		return ops.Retry(events.ReasonStorage, say(""))
	}
}

// notRegular refuses what is no file, or could be something else at any time.
func notRegular(rootName, name string, mode fs.FileMode) error {
	if mode.IsDir() {
		return ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("%.200s in root %s is a folder: name a file", name, rootName))
	}
	return ops.Fail(events.ReasonForbiddenTarget, fmt.Errorf(
		"%.200s in root %s is not a regular file but %s: only regular files are read and written", name, rootName, kind(mode)))
}

func kind(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a pipe"
	case fs.ModeSocket:
		return "a socket"
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		return "a device"
	default:
		return "something else"
	}
}

func tooLarge(rootName, name string, most int64) error {
	return ops.Fail(events.ReasonTooLarge, fmt.Errorf(
		"%.200s in root %s has more than %d bytes; the operator of the fetcher sets the limit (--max-file-bytes)", name, rootName, most))
}
