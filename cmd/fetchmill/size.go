package main

import (
	"fmt"
	"math"

	"github.com/dustin/go-humanize"
)

// size is a flag for a number of bytes, such as 64MiB, 1GB or 1000.
type size int64

// UnmarshalText reads what stands on the command line.
func (s *size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n == 0 || n > math.MaxInt64 {
		return fmt.Errorf("%.40q is not a size: write bytes, or a number with KiB, MiB or GiB, such as 64MiB", text)
	}
	*s = size(n)
	return nil
}
