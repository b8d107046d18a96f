// Package broker embeds a NATS server with JetStream, so that a machine with nothing but fetchmill is enough.
package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Config says where the broker listens and how it stores.
type Config struct {
	Addr string // HOST:PORT to listen on; port 0 picks a free one
	Dir  string // where streams are stored
	Sync Sync
}

// Sync says when what is written is flushed to the disk, where it survives a loss of power. What is written survives the end of the process
// in any case.
type Sync struct {
	Always bool          // before a message is acknowledged
	Every  time.Duration // otherwise, how often; 0 is for DefaultSync
}

// DefaultSync is nats-server's own.
const DefaultSync = 2 * time.Minute

// startTimeout bounds recovery of the streams at start; large ones take a while.
const startTimeout = 5 * time.Minute

// ErrAddrInUse means that something else listens on the broker's address.
var ErrAddrInUse = errors.New("address in use")

// noLimit is what the streams may hold together, beside the limits of each. Otherwise the server refuses streams whose limits are together
// more than three quarters of what is free on the disk, however little will be in them.
const noLimit = 1 << 60

// Broker is a running server.
type Broker struct {
	dir     string
	log     *slog.Logger
	opts    *server.Options
	started time.Time // the last time that Tend did; zero if it never did

	mu      sync.Mutex
	srv     *server.Server
	trouble error // why it stores nothing any more; nil while all is well
}

// Start starts a broker and waits until it accepts connections.
func Start(cfg Config, log *slog.Logger) (*Broker, error) {
	host, portText, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("broker address %q is not HOST:PORT: %w", cfg.Addr, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("broker address %q has no valid port: %w", cfg.Addr, err)
	}
	// The server would only log that it cannot listen, so find out before.
	if err := probe(cfg.Addr); err != nil {
		return nil, err
	}
	opts := &server.Options{
		ServerName: "fetchmill", Host: host, Port: int(port),
		JetStream: true, StoreDir: cfg.Dir, JetStreamMaxStore: noLimit, SyncAlways: cfg.Sync.Always, SyncInterval: cmp.Or(cfg.Sync.Every, DefaultSync),
		NoSigs: true, NoSystemAccount: false,
		// A client that is slow to say who it is, on a machine that is busy, would get the server's first ping where it expects the answer to its
		// own, and give up (nats.go 1.55, sendConnect).
		DisableShortFirstPing: true,
		// Payloads stay what every NATS server allows by default, so what works here works anywhere.
		MaxPayload: server.MAX_PAYLOAD_SIZE,
	}
	if port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	b := &Broker{dir: cfg.Dir, log: log, opts: opts}
	if b.srv, err = b.start(); err != nil {
		return nil, err
	}
	if addr, ok := b.srv.Addr().(*net.TCPAddr); ok {
		b.opts.Port = addr.Port // also the next time
	}
	return b, nil
}

// start starts a server.
func (b *Broker) start() (*server.Server, error) {
	srv, err := server.NewServer(b.opts.Clone())
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	fatal := make(chan string, 1)
	srv.SetLoggerV2(logger{b.log, fatal}, false, false, false)
	srv.Start()
	err = ready(srv, fatal)
	if err == nil {
		err = awaken(srv)
	}
	if err != nil {
		srv.Shutdown()
		return nil, fmt.Errorf("broker with its data in %s: %w", b.dir, err)
	}
	return srv, nil
}

// ready waits until the server accepts connections, or says that it never will.
func ready(srv *server.Server, fatal <-chan string) error {
	deadline := time.Now().Add(startTimeout)
	for time.Now().Before(deadline) {
		if srv.ReadyForConnections(100 * time.Millisecond) {
			return nil
		}
		select {
		case reason := <-fatal:
			return errors.New(reason)
		default:
		}
	}
	return fmt.Errorf("it did not start within %s", startTimeout)
}

// URL is where clients connect.
func (b *Broker) URL() string { return b.server().ClientURL() }

// InProcess lets a client in the same process connect without the network.
func (b *Broker) InProcess() nats.Option { return nats.InProcessServer(b.server()) }

// Stop ends the broker and waits until its files are closed.
func (b *Broker) Stop() {
	srv := b.server()
	srv.Shutdown()
	srv.WaitForShutdown()
}

func (b *Broker) server() *server.Server {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.srv
}

func probe(addr string) error {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("broker: no permission to listen on %s: choose another port with --nats-addr", addr)
		}
		if !errors.Is(err, syscall.EADDRINUSE) && runtime.GOOS != "windows" {
			return fmt.Errorf("broker: cannot listen on %s: %w: choose another address with --nats-addr, such as 127.0.0.1:4222", addr, err)
		}
		return fmt.Errorf("broker: %w: %s is taken (another fetchmill or nats-server?): stop it, use it with --nats, or choose another with --nats-addr, such as 127.0.0.1:0: %w",
			ErrAddrInUse, addr, err)
	}
	return l.Close()
}

// logger passes the server's warnings and errors on; its notices are only of interest when debugging.
type logger struct {
	log   *slog.Logger
	fatal chan<- string // the first thing that keeps the server from starting
}

func (l logger) Noticef(format string, v ...any) {
	l.log.Debug("the broker reports", "message", fmt.Sprintf(format, v...))
}

func (l logger) Warnf(format string, v ...any) {
	l.log.Warn("the broker reports", "message", fmt.Sprintf(format, v...))
}

func (l logger) Errorf(format string, v ...any) {
	l.log.Error("the broker reports", "message", fmt.Sprintf(format, v...))
}

func (l logger) Debugf(format string, v ...any) {
	l.log.Debug("the broker reports", "message", fmt.Sprintf(format, v...))
}
func (l logger) Tracef(string, ...any) {}

func (l logger) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Sprintf(format, v...): // Start returns it
	default:
		l.Errorf(format, v...)
	}
}
