package main

import (
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/internal/broker"
)

// syncing is a flag for when the broker flushes to the disk: "always", or how often.
type syncing broker.Sync

// UnmarshalText reads what stands on the command line.
func (s *syncing) UnmarshalText(text []byte) error {
	if string(text) == "always" {
		*s = syncing{Always: true}
		return nil
	}
	every, err := time.ParseDuration(string(text))
	if err != nil || every <= 0 {
		return fmt.Errorf("%.40q does not say when to flush to the disk: use always, or how often, such as 10s", text)
	}
	*s = syncing{Every: every}
	return nil
}
