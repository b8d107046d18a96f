package useragent

import (
	"net/http"
	"strings"
)

// maxValidator bounds what is remembered of a server's validators. Real ones have less than 100 bytes.
const maxValidator = 1 << 10

// Version names one version of what is at a URL, by what the server calls it (the validators of RFC 9110 section 8.8).
type Version struct {
	URL          string `json:"url"` // where the answer came from, after redirects
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
}

// condition asks for another version than this one. A server heeds only the first of the two headers; those that do not know it heed the
// other (RFC 9110 section 13.1.3).
func (v *Version) condition(h http.Header) {
	if v.ETag != "" {
		h.Set("If-None-Match", v.ETag)
	}
	if v.LastModified != "" {
		h.Set("If-Modified-Since", v.LastModified)
	}
}

// Conditional says whether the newest request was sent only for another version than the known one. A version belongs to one URL, so
// where redirects lead elsewhere now, nothing is known.
func (x *Exchange) Conditional() bool { return x.known != nil && x.known.URL == x.at.String() }

// Confirmed says whether a response tells that the known version is still there.
func (x *Exchange) Confirmed(resp *http.Response) bool {
	if resp.StatusCode != http.StatusNotModified || !x.Conditional() {
		return false
	}
	// RFC 9111 section 4.3.4: a 304 may speak of another version than the one that was asked for.
	tag := resp.Header.Get("ETag")
	return tag == "" || x.known.ETag == "" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(x.known.ETag, "W/")
}

// Forget makes the next request one for whatever is there.
func (x *Exchange) Forget() { x.known = nil }

// Version names what a response of status 200 brings. It returns false where the server does not want it to be kept, or has given
// it no name.
func (x *Exchange) Version(resp *http.Response) (Version, bool) {
	v := Version{URL: x.at.String(), ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified")}
	if len(v.ETag) > maxValidator || !validETag(v.ETag) {
		v.ETag = ""
	}
	if _, err := http.ParseTime(v.LastModified); err != nil {
		v.LastModified = ""
	}
	keep := resp.StatusCode == http.StatusOK && (v.ETag != "" || v.LastModified != "") &&
		!hasToken(resp.Header["Cache-Control"], "no-store") && !hasToken(resp.Header["Vary"], "*")
	return v, keep
}

// validETag knows the form of an entity tag, strong or weak (RFC 9110 section 8.8.3).
func validETag(tag string) bool {
	opaque, ok := strings.CutPrefix(strings.TrimPrefix(tag, "W/"), `"`)
	if !ok {
		return false
	}
	opaque, ok = strings.CutSuffix(opaque, `"`)
	return ok && !strings.Contains(opaque, `"`) && validHeaderValue(opaque)
}

// hasToken looks for a word in the comma-separated lists of a header's fields. A directive may have a value, which is not looked at.
func hasToken(fields []string, token string) bool {
	for _, field := range fields {
		for element := range strings.SplitSeq(field, ",") {
			name, _, _ := strings.Cut(element, "=")
			if strings.EqualFold(strings.TrimSpace(name), token) {
				return true
			}
		}
	}
	return false
}
