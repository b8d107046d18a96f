// Package picture reads the headers of JPEG, PNG, GIF and WebP images, and decodes, scales and encodes them within bounds that are known
// before a pixel is decoded.
//
// The way of an image is Inspect, Fit, Header.Affordable, Decode, Scale, Encode. Inspect reads the header only, so that a file of some bytes that
// promises 60,000 × 60,000 pixels costs nothing. What the rest will take is computed from it (Header.Memory), and refused beyond MaxMemory.
//
// Only pixels are handed on: what else a file carries, such as EXIF with a place and a time, ICC profiles, XMP and comments, is never
// copied. The orientation of EXIF is applied to the pixels.
//
// Errors without a verdict are faults in the image; that the context has ended is for the caller to see.
package picture
