package broker

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// awaken has the server answer a first request to JetStream, before services come with theirs. The server makes what answers come back by when
// the first request comes, and of requests that come just then the answers are lost (nats-server 2.15, Account.newServiceReply). A client
// from elsewhere may be as early, so this request is repeated, too.
func awaken(srv *server.Server) error {
	const (
		accountInfo = "$JS.API.INFO"
		patience    = time.Second
		attempts    = 30
	)
	nc, err := nats.Connect("", nats.InProcessServer(srv), nats.Timeout(attempts*patience))
	if err != nil {
		return fmt.Errorf("connect in the process: %w", err)
	}
	defer nc.Close()
	for range attempts {
		if _, err = nc.Request(accountInfo, nil, patience); !errors.Is(err, nats.ErrTimeout) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("JetStream does not answer: %w", err)
	}
	return nil
}
