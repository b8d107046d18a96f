package useragent

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxFieldBytes caps what an item adds to the header of its request. Common servers refuse more than 8 to 64 KiB.
const maxFieldBytes = 64 << 10

// forbiddenHeaders are those by which a request would be framed or routed differently from what was checked. Together with them go
// Proxy-* and Sec-WebSocket-*. Everything else is the item's business, as with any other HTTP client:
//
//   - Cookie is sent as given; there is no jar, and no cookie of an answer is kept.
//   - X-Forwarded-*, Forwarded, Via and X-Real-Ip are needed to try out servers that stand behind proxies. A server that believes them
//     from strangers believes them from everybody.
//   - Sec-Fetch-* and Sec-Ch-* tell of a browser what its scripts must not invent. There are no scripts here, so nothing is vouched for.
//   - Accept-Encoding hands decoding over to the item.
var forbiddenHeaders = []string{
	"Connection", "Content-Length", "Expect", "Host", "Http2-Settings", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

var forbiddenPrefixes = []string{"Proxy-", "Sec-Websocket-"}

func (a *Agent) header(custom map[string]string) (http.Header, error) {
	if len(custom) == 0 {
		return a.plain, nil
	}
	h := make(http.Header, len(custom)+len(a.plain))
	size := 0
	for name, value := range custom {
		if err := CheckField(name, value); err != nil {
			return nil, err
		}
		key := http.CanonicalHeaderKey(name)
		if h[key] != nil {
			return nil, fmt.Errorf("header %s is given twice", name)
		}
		if size += len(name) + len(value); size > maxFieldBytes {
			return nil, fmt.Errorf("the headers have more than %d bytes", maxFieldBytes)
		}
		h[key] = []string{value}
	}
	for key, values := range a.plain {
		if h[key] == nil {
			h[key] = values
		}
	}
	return h, nil
}

// CheckField says whether a header of a request may be set. The error shows the name and never the value.
func CheckField(name, value string) error {
	key := http.CanonicalHeaderKey(name)
	hasPrefix := func(prefix string) bool { return strings.HasPrefix(key, prefix) }
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return fmt.Errorf("header %q is not a valid header name", name)
	case !validHeaderValue(value):
		return fmt.Errorf("header %s has a value with characters that headers cannot have", name)
	case slices.Contains(forbiddenHeaders, key) || slices.ContainsFunc(forbiddenPrefixes, hasPrefix):
		return fmt.Errorf("header %s cannot be set: it belongs to the connection", name)
	}
	return nil
}

func validHeaderValue(v string) bool { return httpguts.ValidHeaderFieldValue(v) }
