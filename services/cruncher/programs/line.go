package programs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// errTooLong means that a line has more bytes than allowed.
var errTooLong = errors.New("too many bytes without the end of a line")

// errPartial means that the end came before the end of a line.
var errPartial = errors.New("no line end")

// readLine reads a line of at most so many bytes, without its end. With errTooLong and errPartial it returns the beginning. It holds no more
// than about twice the bytes that are allowed, whatever comes.
func readLine(r *bufio.Reader, most int) ([]byte, error) {
	var line []byte
	for {
		piece, err := r.ReadSlice('\n')
		if len(line)+len(piece) > most+1 || err != nil && len(line)+len(piece) > most {
			return append(line, piece[:min(len(piece), most-len(line))]...), errTooLong
		}
		line = append(line, piece...)
		switch {
		case err == nil:
			line = line[:len(line)-1]
			if n := len(line); n > 0 && line[n-1] == '\r' {
				line = line[:n-1]
			}
			return line, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case len(line) > 0:
			return line, fmt.Errorf("%w: %w", errPartial, err)
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		default:
			return nil, err
		}
	}
}
