package files

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

const (
	maxPathBytes    = 4096 // PATH_MAX of Linux
	maxElementBytes = 255  // NAME_MAX of common file systems
	// partPrefix marks files that are being written.
	partPrefix = ".fetchmill-"
)

// checkPath refuses paths that are not plainly a file below a root. What symbolic links do is found out by opening.
func checkPath(name string) error {
	refuse := func(format string, args ...any) error {
		return ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("path %.200q "+format, append([]any{name}, args...)...))
	}
	switch {
	case name == "":
		return ops.Fail(events.ReasonMissingParameter, fmt.Errorf("path is missing: name a file below the root, such as 2026/report.txt"))
	case len(name) > maxPathBytes:
		return refuse("has %d bytes: use at most %d", len(name), maxPathBytes)
	case !utf8.ValidString(name):
		return refuse("is not UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return refuse("has a control character")
	case strings.HasPrefix(name, "/"):
		return forbid(name, "is absolute")
	}
	for element := range strings.SplitSeq(name, "/") {
		switch {
		case element == "..":
			return forbid(name, "has the element \"..\"")
		case element == "" || element == ".":
			return refuse("has an empty element: write it as %.200q", path.Clean(name))
		case len(element) > maxElementBytes:
			return refuse("has an element of %d bytes: use at most %d", len(element), maxElementBytes)
		case strings.HasPrefix(element, partPrefix):
			return refuse("has an element that begins with %s, which are files that are being written", partPrefix)
		}
	}
	return nil
}

func forbid(name, what string) error {
	return ops.Fail(events.ReasonForbiddenTarget, fmt.Errorf("path %.200q %s: only files below the root can be reached, such as 2026/report.txt", name, what))
}
