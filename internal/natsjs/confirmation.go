package natsjs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Error codes of the broker (nats-server, server/errors.json).
const (
	codeAccountLimits   = 10002
	codeServerLimits    = 10023
	codeMessageTooLarge = 10054
	codeHeadersTooLarge = 10097
	codeStoreFailed     = 10077 // with discard-new: the stream has reached its limits
)

// parseConfirmation reads the broker's answer to a publish: {"stream":…,"seq":…,"duplicate":true} or {"error":{…},…}
// (nats-server ADR-1 and the JetStream API). Nearly all are plain successes, which are recognised without decoding them.
func parseConfirmation(m *nats.Msg) (duplicate bool, err error) {
	if len(m.Data) == 0 {
		if m.Header.Get("Status") == "503" {
			return false, jetstream.ErrNoStreamResponse
		}
		return false, errors.New("the broker's confirmation is empty")
	}
	if bytes.HasPrefix(m.Data, []byte(`{"stream":`)) && !bytes.Contains(m.Data, []byte(`"duplicate"`)) && !bytes.Contains(m.Data, []byte(`"error"`)) {
		return false, nil
	}
	var answer struct {
		Error     *jetstream.APIError `json:"error"`
		Stream    string              `json:"stream"`
		Duplicate bool                `json:"duplicate"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return false, fmt.Errorf("the broker's confirmation cannot be read: %w", err)
	}
	if answer.Error != nil {
		return false, answer.Error
	}
	if answer.Stream == "" {
		return false, errors.New("the broker's confirmation names no stream")
	}
	return answer.Duplicate, nil
}

func classify(err error) error {
	if errors.Is(err, nats.ErrMaxPayload) {
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		switch api.ErrorCode {
		case codeMessageTooLarge, codeHeadersTooLarge:
			return fmt.Errorf("%w: %w", ErrTooLarge, err)
		case codeStoreFailed, codeServerLimits, codeAccountLimits:
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
	}
	return err
}
