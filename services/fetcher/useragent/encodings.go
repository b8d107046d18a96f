package useragent

import (
	"fmt"
	"net/http"
	"strings"
)

// acceptEncoding is what we ask for, and decode ourselves so that the caps count decoded bytes.
const acceptEncoding = "gzip, br, zstd"

// maxEncodings is how many encodings a body may have on top of each other. One is usual.
const maxEncodings = 3

// encodings returns the encodings of a response in the order in which they are undone (RFC 9110 section 8.4). One that nobody asked for is
// an error, as no later step could read the body; who sets Accept-Encoding gets what comes.
func encodings(resp *http.Response) ([]decoder, error) {
	header := resp.Header["Content-Encoding"]
	if len(header) == 0 {
		return nil, nil
	}
	var list []decoder
	for name := range strings.SplitSeq(strings.Join(header, ","), ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		var d decoder
		switch name {
		case "gzip", "x-gzip":
			d = gzipDecoder
		case "br":
			d = brotliDecoder
		case "zstd":
			d = zstdDecoder
		case "", "identity", "none", "utf-8": // the last two are common mistakes
			continue
		default:
			if resp.Request.Header.Get("Accept-Encoding") != acceptEncoding {
				return nil, nil
			}
			return nil, fmt.Errorf("%w: %.40q was not asked for", errEncoding, name)
		}
		if len(list) == maxEncodings {
			return nil, fmt.Errorf("%w: it has more than %d encodings on top of each other", errEncoding, maxEncodings)
		}
		list = append([]decoder{d}, list...) // the last one was applied last
	}
	return list, nil
}
