package jq

import "bytes"

// DocumentBytes is how many bytes of memory a JSON document takes when it is decoded, at most: what the shape of the document makes of it,
// told by its braces, brackets and commas. Those within texts count, too, which makes it an upper bound.
func DocumentBytes(data []byte) int64 {
	const (
		object  = 400 // a map has room for eight fields from the first on
		array   = 48  // its header, and that of the value that it is
		element = 120 // of an array or an object: key and value, and the room that a map leaves free when it grows
	)
	count := func(c byte) int64 { return int64(bytes.Count(data, []byte{c})) }
	return 2*int64(len(data)) + object*count('{') + array*count('[') + element*(count(',')+1)
}
