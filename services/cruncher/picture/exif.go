package picture

import "encoding/binary"

// exifOrientation reads the tag Orientation of the first directory of EXIF data, which is a TIFF file: 1 to 8, or 0 if it is not there
// or makes no sense. CIPA DC-008 (Exif 3.0), 4.5.2 and 4.6.5.
func exifOrientation(tiff []byte) int {
	const (
		orientation = 0x0112
		short       = 3
		entryBytes  = 12
	)
	if len(tiff) < 8 {
		return 0
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 0
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < entryBytes {
			return 0
		}
		if order.Uint16(entries) == orientation {
			if order.Uint16(entries[2:]) != short || order.Uint32(entries[4:]) != 1 {
				return 0
			}
			if o := int(order.Uint16(entries[8:])); o >= 1 && o <= 8 {
				return o
			}
			return 0
		}
		entries = entries[entryBytes:]
	}
	return 0
}
