package fetcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

// What is sent, looked for and read at most.
const (
	maxSendBytes   = 4 << 10
	maxExpectBytes = 1 << 10
	maxBannerBytes = 4 << 10
)

// connection is what to connect to, and what to say and to hear.
type connection struct {
	address string // HOST:PORT
	send    []byte
	expect  *regexp.Regexp // nil if nothing is to be read
}

func (c connection) String() string { return "tcp " + useragent.Clip(c.address, 300) }

// connectValue is what a connection finds out.
type connectValue struct {
	Up        bool          `json:"up"`
	Address   string        `json:"address,omitempty"` // IP:PORT that was reached; absent if none was
	ElapsedMS float64       `json:"elapsed_ms"`
	Banner    string        `json:"banner,omitempty"` // what was read, with "?" for what is not UTF-8
	Reason    events.Reason `json:"reason,omitempty"` // why it is not up
}

// tcpConnect finds out whether something listens at a TCP port, and whether it says what is expected. Arguments {"host", "port"} or
// {"address": "HOST:PORT"}, and {"send": string, "expect": regular expression}. What is not up is a failure with a value.
func (n *Network) tcpConnect() ops.Op {
	return ops.Op{Name: "tcp.connect", Run: func(ctx context.Context, in ops.Input) (ops.Output, error) {
		c, err := readConnection(in)
		if err != nil {
			return ops.Output{}, err
		}
		return n.atTurn(ctx, in, c.address, func() (ops.Output, error) { return n.connect(ctx, c) })
	}}
}

// readConnection reads the arguments.
func readConnection(in ops.Input) (connection, error) {
	var args struct {
		Address string `json:"address"`
		Host    string `json:"host"`
		Port    *int   `json:"port"`
		Send    string `json:"send"`
		Expect  string `json:"expect"`
	}
	if err := in.Args(&args); err != nil {
		return connection{}, err
	}
	address, err := connectAddress(args.Address, args.Host, args.Port)
	if err != nil {
		return connection{}, err
	}
	c := connection{address: address, send: []byte(args.Send)}
	if len(args.Send) > maxSendBytes {
		return c, invalid("send has %d bytes, more than %d", len(args.Send), maxSendBytes)
	}
	if len(args.Expect) > maxExpectBytes {
		return c, invalid("expect has %d bytes, more than %d", len(args.Expect), maxExpectBytes)
	}
	if args.Expect != "" {
		if c.expect, err = regexp.Compile(args.Expect); err != nil {
			return c, invalid("expect is not a regular expression: %.200w; see https://go.dev/s/re2syntax", err)
		}
	}
	return c, nil
}

func connectAddress(address, host string, port *int) (string, error) {
	if address == "" {
		if port == nil {
			return "", ops.Fail(events.ReasonMissingParameter, errors.New("address is missing: give HOST:PORT such as example.com:25, or host and port"))
		}
		return hostPort(host, *port)
	}
	if host != "" || port != nil {
		return "", invalid("address is given, and host or port as well: give one or the other")
	}
	host, number, err := splitAddress(address)
	if err != nil {
		return "", err
	}
	return hostPort(host, number)
}

func (n *Network) connect(ctx context.Context, c connection) (ops.Output, error) {
	start := time.Now()
	facts := &events.FetchFacts{Phases: &events.Phases{}}
	var value connectValue
	conn, err := n.agent.Dial(ctx, "tcp", c.address)
	if err != nil {
		err = useragent.Verdict(ctx, c.String(), err)
	} else {
		value.Address = conn.RemoteAddr().String()
		facts.Phases.Connect = since(start)
		var banner []byte
		banner, err = talk(ctx, conn, c)
		facts.Bytes, value.Banner = int64(len(banner)), useragent.Clip(string(banner), maxBannerBytes)
		_ = conn.Close() // nothing is lost
	}
	value.Up, value.ElapsedMS = err == nil, since(start)
	facts.ElapsedMS = value.ElapsedMS
	if err != nil {
		reason, ok := finding(err)
		if !ok {
			return ops.Output{Fetch: facts}, err
		}
		value.Reason = reason
	}
	return ops.Output{Value: ops.JSON(value), Fetch: facts}, err
}

// talk says what is to be said, and reads until what is expected has come. It returns what was read. Errors are verdicts.
func talk(ctx context.Context, conn net.Conn, c connection) ([]byte, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if len(c.send) > 0 {
		if _, err := conn.Write(c.send); err != nil {
			return nil, useragent.Verdict(ctx, c.String(), fmt.Errorf("send: %w", err))
		}
	}
	if c.expect == nil {
		return nil, nil
	}
	buf := make([]byte, 0, maxBannerBytes)
	for len(buf) < cap(buf) {
		n, err := conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case n > 0 && c.expect.Match(buf):
			return buf, nil
		case errors.Is(err, io.EOF) && len(buf) > 0:
			return buf, c.unexpected(buf, "and closed the connection")
		case err != nil:
			return buf, useragent.Verdict(ctx, c.String(), fmt.Errorf("wait for %.100q: %w", c.expect, err))
		}
	}
	return buf, c.unexpected(buf, "and more")
}

// unexpected is the verdict on an answer in which what is expected does not occur. It may be the answer of a server that is just
// starting.
func (c connection) unexpected(answer []byte, then string) error {
	return ops.Retry(events.ReasonProtocol,
		fmt.Errorf("%s: answered %q %s, which %.100q does not match", c, useragent.Clip(string(answer), 100), then, c.expect))
}
