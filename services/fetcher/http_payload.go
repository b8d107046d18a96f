package fetcher

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// maxPayloadBytes caps the body of a request. It travels in the item, so a message of NATS bounds it anyway.
const maxPayloadBytes = 512 << 10

// payload makes the body of a request with its type. A nil body means that there is none.
func (a requestArgs) payload() (body []byte, contentType string, err error) {
	given := 0
	for _, is := range []bool{a.JSON != nil, a.Text != nil, a.Form != nil, a.Base64 != nil} {
		if is {
			given++
		}
	}
	if given > 1 {
		return nil, "", errBodies
	}
	switch {
	case a.JSON != nil:
		body, contentType = compactJSON(a.JSON), "application/json"
	case a.Text != nil:
		body, contentType = []byte(*a.Text), "text/plain; charset=utf-8"
	case a.Form != nil:
		var form string
		if form, err = a.Form.encode(); err != nil {
			return nil, "", fmt.Errorf("form: %w", err)
		}
		body, contentType = []byte(form), "application/x-www-form-urlencoded"
	case a.Base64 != nil:
		if body, err = base64.StdEncoding.DecodeString(*a.Base64); err != nil {
			return nil, "", fmt.Errorf("base64: %w", err)
		}
		contentType = "application/octet-stream"
	}
	if len(body) > maxPayloadBytes {
		return nil, "", fmt.Errorf("the body of the request has %d bytes, more than %d", len(body), maxPayloadBytes)
	}
	return body, contentType, nil
}

// compactJSON takes out white space. The text is known to be JSON, and keeps its numbers as they are written.
func compactJSON(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}
